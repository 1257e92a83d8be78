"""The function that removes what a crash left behind. Imports trunking only."""
