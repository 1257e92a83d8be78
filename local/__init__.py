"""One-command local mode: an embedded AWS, the HTTP gateway, the stream poller and the bridge."""
