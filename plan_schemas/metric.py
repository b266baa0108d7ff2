"""A metric as declared in metrics/<name>.yaml, and what of it a strategy needs for an audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plan_schemas.model import Cluster
from plan_schemas.schema import seconds


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    summary: str
    subject: str  # host | instance
    unit: str  # percent | MiB
    slack: float  # so much above the maximum counts as the maximum
    stale_after_seconds: float  # of the newest sample
    maximum: float | None = None  # the same for all
    maximum_of: tuple[str, ...] = ()  # or as much of these resource classes as the subject has
    suspicious_share: float = 0.0  # of the maximum: numbers that all stay below it are in another unit
    suspicious_subjects: int = 0  # from so many of them

    @classmethod
    def of(cls, name: str, row: Mapping[str, Any]) -> Metric:
        """The metric of a valid file."""
        suspicious = row.get("suspicious", {})
        return cls(
            name=name,
            summary=row["summary"],
            subject=row["subject"],
            unit=row["unit"],
            slack=float(row["slack"]),
            stale_after_seconds=seconds(row["stale_after"]),
            maximum=row.get("maximum"),
            maximum_of=tuple(row.get("maximum_of", ())),
            suspicious_share=suspicious.get("share", 0.0),
            suspicious_subjects=suspicious.get("subjects", 0),
        )

    def most(self, cluster: Cluster, subject: str) -> float:
        """The greatest number that this subject can have."""
        if self.maximum is not None:
            return self.maximum
        if self.subject == "instance":
            of = cluster.instances[subject].resources
            return float(sum(of.get(name, 0) for name in self.maximum_of))
        inventory = cluster.hosts[subject].inventory
        return float(sum(inventory[name].total for name in self.maximum_of if name in inventory))
