"""Tests of the console function."""
