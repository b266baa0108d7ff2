"""PURE: the rules of placement, and the ledgers and groups that they are counted in."""
