"""How long the import of each function takes: most of a cold start that is ours."""
