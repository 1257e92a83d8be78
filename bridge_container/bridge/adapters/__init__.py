"""Everything that touches the outside: sockets, AWS, HTTP, call platforms. Translates, decides nothing."""
