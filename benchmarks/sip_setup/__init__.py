"""Calls set up and torn down per second on one core, with SIPp as the load and other stacks beside it."""
