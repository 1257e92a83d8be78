"""The function of the OpenAPI document and of unknown paths. Imports trunking only."""
