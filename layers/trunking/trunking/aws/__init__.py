"""The domain's storage and messaging on AWS. May import the core and boto3, nothing of HTTP."""
