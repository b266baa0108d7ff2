"""PURE: hosts by what was measured of them: relief of the overloaded, and an even load."""
