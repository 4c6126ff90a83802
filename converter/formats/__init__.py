"""Reads what was made, block by block, without trusting the tool that wrote it."""
