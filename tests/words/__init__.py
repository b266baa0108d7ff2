"""Documents, the catalogue, what is refused."""
