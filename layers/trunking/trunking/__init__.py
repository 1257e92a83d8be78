"""The domain that Trunkline's functions and bridge share: trunks, routing rules, calls and changes."""
