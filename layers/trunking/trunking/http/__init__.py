"""The domain's HTTP edge: authentication, wire models and errors. May import the core and Powertools."""
