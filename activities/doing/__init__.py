"""How one action is carried out: found again, followed, watched, never asked for twice."""
