"""The composition root: settings in, a running bridge out."""
