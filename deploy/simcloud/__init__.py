"""A whole OpenStack cloud as a plain state machine in virtual time, and the REST face real clients know."""
