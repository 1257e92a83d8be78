"""The domain alone: no AWS, no HTTP."""
