"""What decides: rules, strategies, planner."""
