"""The whole stack, used from outside: Temporal dev server, simulated cloud, worker."""
