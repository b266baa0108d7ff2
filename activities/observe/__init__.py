"""What there is: Nova's and Placement's answers, made into one complete Cluster or refused."""

from activities.observe.listing import Incomplete
from activities.observe.picture import collect

__all__ = ["Incomplete", "collect"]
