"""A real OpenStack control plane on loopback, without containers: test equipment, never deployed."""
