"""Blob events of the local stack, sent as Event Grid sends them: handshake, at least once, retries, dead letters."""
