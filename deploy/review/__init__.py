"""PURE: the review of a plan, as one page of HTML and as a table on a terminal."""
