"""Compute nodes: their model, creation and lifecycle."""
