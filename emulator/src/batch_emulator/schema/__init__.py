"""The schemas of request bodies."""
