"""Job schedules: their model, creation and lifecycle."""
