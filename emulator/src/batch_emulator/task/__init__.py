"""Tasks: their model, creation and lifecycle."""
