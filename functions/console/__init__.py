"""The operator's web console: static pages that call the API with the operator's own key and token."""
