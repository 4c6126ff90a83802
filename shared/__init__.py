"""The app behind function_app.py: settings, clients, the conversion record, and one module per use case."""
