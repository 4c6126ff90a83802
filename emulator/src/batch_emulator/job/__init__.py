"""Jobs: their model, creation and lifecycle."""
