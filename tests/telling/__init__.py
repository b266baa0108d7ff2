"""How numbers and facts are said to people."""
