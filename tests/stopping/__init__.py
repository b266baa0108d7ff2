"""The action `stop`: what is asked of the cloud, what is not, and what a maintenance makes of it."""
