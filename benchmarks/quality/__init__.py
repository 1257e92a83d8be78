"""How speech sounds after a bad network: this jitter buffer, aiortc's and GStreamer's, in the same run."""
