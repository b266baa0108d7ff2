"""Relief of overloaded hosts and an even load: what they reach, and what they never do."""
