"""Tests of local mode that start nothing."""
