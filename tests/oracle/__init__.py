"""Small clouds against CP-SAT: an exact solver in an environment of its own says what the best plan is."""
