"""The page: its files, and the module that serves them."""
