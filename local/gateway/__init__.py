"""What API Gateway and Lambda do, on this machine: routes, payload-v2 events, the real handlers."""
