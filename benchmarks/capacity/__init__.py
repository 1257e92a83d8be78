"""How many calls one core carries: this engine, a native media server, and the floor under both."""
