"""Cost of one WebRTC leg: set-up, memory and packets, beside aiortc's own transports."""
