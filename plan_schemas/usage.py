"""Measured use of hosts and instances: one number per subject and metric, as a decision takes it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plan_schemas.frozen import EMPTY


@dataclass(frozen=True, slots=True)
class Usage:
    """What was measured, in each metric's declared unit, by host name or instance uuid.

    Whatever is here passed the gate of quality: what is missing, stale or out of range never gets so far.
    """

    values: Mapping[str, Mapping[str, float]] = EMPTY  # metric -> subject -> value
    at: str = ""  # RFC 3339, UTC: until when the numbers tell
    source: str = ""  # of what datasource

    def of(self, metric: str) -> Mapping[str, float]:
        """By subject. Raises KeyError for a metric that the strategy does not declare."""
        return self.values[metric]


NONE = Usage()
