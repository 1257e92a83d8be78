"""A real call through a running stack, measured: a phone, a browser, and what each heard of the other."""
