"""A local Stream for development and tests: coordinator and SFU, audio only, on loopback only."""
