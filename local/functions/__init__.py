"""A Functions host for one machine: indexes `function_app.py` and runs its functions as Azure would."""
