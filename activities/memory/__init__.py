"""What workers remember beside Temporal, in the store's directory."""
