"""AWS access. botocore is imported here and in `local` only; boto3 is not, because it takes longer to import."""
