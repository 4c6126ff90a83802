"""Checks the Bicep files against Microsoft's published resource types, without a compiler or a network."""
