"""SIP calls: admission, authentication, routing and their life. Imports sip, media, trunking core."""
