"""The function of SIP call records and bridges. Imports trunking only."""
