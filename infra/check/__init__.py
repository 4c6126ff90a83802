"""Checks the Bicep files against Microsoft's published resource types, without a compiler and without a network."""
