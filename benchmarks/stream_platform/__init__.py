"""What a call costs with the platform `stream`: CPU, memory, time to join, delay added."""
