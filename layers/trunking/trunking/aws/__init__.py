"""What the control plane keeps in AWS: items, secrets, the change chain. Imports core and boto3."""
