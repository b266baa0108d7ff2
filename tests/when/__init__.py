"""The state machines of *when*, without Temporal, and the histories that they replay."""
