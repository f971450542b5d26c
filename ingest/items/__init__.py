"""Rows -> DynamoDB items, column by column: conversion, validation, duplicate keys.

Not in here: cutting and parsing the file (`ingest.reading`) and sending the items (`ingest.dynamodb`).
"""
