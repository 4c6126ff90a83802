"""The app behind function_app.py.

`application.py` puts it together from three layers, each of which imports only those below it: `api/` (HTTP),
`lifecycle/` (a video from event to GIF) and `services/` (Azure). Below them are the modules of this folder.
"""
