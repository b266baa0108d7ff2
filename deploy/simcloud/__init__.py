"""A whole OpenStack cloud as a plain state machine with a virtual clock, and the REST face real clients speak to."""
