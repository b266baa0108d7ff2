"""PURE: what the plans of one cloud share, and how they take turns at it."""
