"""The activity that measures: a few lines between Temporal and what asks the datasource."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from temporalio import activity

from activities.act import told_to_temporal
from activities.doing.pulse import steady
from activities.memory.store import SnapshotStore
from activities.metrics.measure import choose, measure
from plan_schemas import admit, needs
from plan_schemas.catalog import Catalog
from plan_schemas.dialect import Datasource

Document = dict[str, Any]


class Measuring:
    def __init__(self, catalog: Catalog, store: SnapshotStore, sources: Sequence[Datasource]) -> None:
        self._catalog, self._store, self._sources = catalog, store, sources

    def all(self) -> Sequence[Callable[..., Any]]:
        return [self.measure_usage]

    @activity.defn(name="cloud.measure_usage")
    def measure_usage(self, document: Document, snapshot: Document, is_result: bool = False) -> Document:
        """What the strategy of an audit needs to know of a snapshot's hosts and instances, by reference: to
        decide by, or as the result of what was done."""
        with told_to_temporal(), steady() as heartbeat:
            audit = admit.audit(document, self._catalog)
            strategy = self._catalog.strategies[audit.strategy]
            needed = needs.of_result if is_result else needs.of
            wanted = needed(strategy, audit.parameters, self._catalog.metrics)
            source = choose(self._sources, audit.cloud, wanted, audit.datasource)
            usage = measure(
                source,
                wanted,
                self._catalog.metrics,
                self._store.get(snapshot["ref"]),
                now=datetime.now(UTC),
                heartbeat=lambda metric: heartbeat({"measures": metric}),
            )
            told = f"{', '.join(need.metric for need in wanted)} of {source.name} at {usage.at[11:19]}"
            return {"ref": self._store.put_usage(usage), "at": usage.at, "told": told}
