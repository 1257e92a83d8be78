"""SIP calls: admission, authentication, routing, and the life of each call. Imports sip, media and trunking core."""
