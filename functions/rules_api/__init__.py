"""The function of inbound routing rules. Imports trunking only."""
