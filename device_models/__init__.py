"""Device models and golden configurations as data."""
