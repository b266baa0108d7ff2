"""What else goes on in the cloud: other plans, what they claim, and what terminated ones left behind."""
