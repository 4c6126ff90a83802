"""What a person types: up, demo, drop."""
