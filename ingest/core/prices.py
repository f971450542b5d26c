"""What AWS asks for, in one place. Other regions ask for up to twice as much: it is an estimate, not an invoice.

Write units: https://aws.amazon.com/dynamodb/pricing/on-demand/ and .../provisioned/ (Standard class)
Lambda: https://aws.amazon.com/lambda/pricing/ (arm64)       SQS: https://aws.amazon.com/sqs/pricing/ (standard queue)
S3: https://aws.amazon.com/s3/pricing/ (Standard class)      Logs: https://aws.amazon.com/cloudwatch/pricing/
Free tiers, discounts for much and savings plans are left out.
"""

REGION = "us-east-1"
AS_OF = "2026-11-22"

WRITE_UNIT = 0.625 / 1e6  # on demand, since the cut of November 2024
PROVISIONED_UNIT_HOUR = 0.00065  # one write a second, for an hour
LAMBDA_GB_SECOND = 0.0000133334
LAMBDA_REQUEST = 0.20 / 1e6
SQS_REQUEST = 0.40 / 1e6  # each 64 KB begun
S3_GET = 0.0004 / 1e3
S3_PUT = 0.005 / 1e3
LOG_GB = 0.50
STORED_GB_MONTH = 0.25
METRIC_MONTH = 0.30  # of each name with its dimensions that was sent in the month
