"""Pools: their model, creation, size and lifecycle."""
