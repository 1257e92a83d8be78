"""The parts of AWS that run on this machine: emulated services, and the template's resources in them."""
