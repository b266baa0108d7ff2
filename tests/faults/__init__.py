"""The fault matrix: whatever dies or fails at whatever moment, every action is carried out exactly once."""
