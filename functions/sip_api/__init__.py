"""The function that says which trunk and rule take a call. Imports trunking only."""
