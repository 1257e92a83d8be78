"""The control plane against emulated AWS."""
