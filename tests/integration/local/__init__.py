"""Tests of local mode against the emulated AWS."""
