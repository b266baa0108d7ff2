"""Whether metrics reach a strategy whole and believable, or not at all."""
