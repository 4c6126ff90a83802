"""What a request body may hold, property by property."""
