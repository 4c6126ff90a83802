"""The HTTP API: one module per route, and what they share."""
