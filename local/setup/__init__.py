"""Set-up of a checkout, and the checks that need tools beside the tests."""
