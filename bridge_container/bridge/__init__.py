"""The bridge: terminates SIP, decides by the routing table, carries audio into calls."""
