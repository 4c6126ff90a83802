"""Blob events delivered as by Event Grid: validation handshake, at least once, retries, dead letters."""
