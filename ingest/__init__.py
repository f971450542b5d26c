"""The ingester: bulk CSV files in S3 -> DynamoDB tables. Packages are domains; `CONTRIBUTING.md` has the map."""
