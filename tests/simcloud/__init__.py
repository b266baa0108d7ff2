"""The simulated cloud: that it behaves as Nova does."""
