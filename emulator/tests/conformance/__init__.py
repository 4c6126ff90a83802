"""Runs Microsoft's own tests of azure-batch, live, against the Batch emulator."""
