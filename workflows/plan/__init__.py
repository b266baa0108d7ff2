"""PURE: what a plan knows of itself, what a message does to it, and how it is told."""
