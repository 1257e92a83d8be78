"""The media core: RTP, codecs, jitter buffer, mixing. Pure steps; no sockets, no clock."""
