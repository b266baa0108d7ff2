"""The review of a plan: the page, the terminal, and what a worker writes of it."""
