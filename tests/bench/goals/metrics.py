"""What an audit asks of a datasource: a query per metric for the whole scope, for any number of hosts."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench.alone import Row
from tests.bench.jobs import Job
from tests.bench.metrics import MOST_QUERIES, one
from tests.bench.table import Goal

GOALS = [Goal("M queries", "metric queries of an audit at 1,000 hosts", worst=MOST_QUERIES)]


def jobs(seeds: list[int], quick: bool) -> Iterator[Job]:
    """Three clouds: their numbers differ, what is asked does not."""
    for seed in seeds[:3]:
        yield Job(one, (100 if quick else 1_000, seed), _told, 20)


def _told(row: Row) -> Iterator[Row]:
    yield {"goal": "M queries", **row, "ratio": row["queries"]}
