"""AWS access. boto3 is imported here and in `local` only."""
