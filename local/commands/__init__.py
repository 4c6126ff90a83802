"""The commands of `python -m local`: up, demo, drop."""
