"""IAM: what the two roles and each command may do."""
