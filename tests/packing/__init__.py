"""Tests of the packing: what it takes, what it undoes, and what it never breaks."""
