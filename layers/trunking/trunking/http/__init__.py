"""The control plane's HTTP border: Stream's shapes in and out. Imports core, trunking.aws and Powertools."""
