"""Decisions without a cloud and without Temporal, on exported snapshots."""
