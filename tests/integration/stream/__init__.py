"""Calls in Stream: the bridge's platform and Stream's unmodified SDK against the local Stream."""
