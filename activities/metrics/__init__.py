"""From what a datasource answers to numbers that a strategy may believe; all but `prometheus` is pure."""
