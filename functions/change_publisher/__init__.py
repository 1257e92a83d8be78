"""The function that puts committed changes on the bus. Imports trunking only."""
