"""How many calls the SIP core sets up and tears down, without sockets."""
