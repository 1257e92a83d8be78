"""The function of SIP trunks. Imports trunking only."""
