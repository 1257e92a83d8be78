"""A long run at a share of the limit: memory, late frames, sockets and delay, minute by minute."""
