"""What carries out, looks and remembers: actions, the door, the store."""
