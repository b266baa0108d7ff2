"""Giving servers another flavor."""
