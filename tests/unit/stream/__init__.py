"""The platform `stream` without Stream: accounts, mixing, failures, choice, the local Stream's pure parts."""
