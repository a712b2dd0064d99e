"""IAM policies: the permissions of the two functions, and of the people who run pipectl."""
