"""The SIP protocol core: bytes and `now` in, bytes, events and deadlines out. No I/O, no clock."""
