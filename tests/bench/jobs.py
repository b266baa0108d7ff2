"""The measurements of a bench, each in a process of its own, two at a time, and how long the rest takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from tests.bench.alone import alone
from tests.bench.table import Row

SIZES = (100, 400, 1_000, 5_000)  # hosts of the clouds on which every decision is timed
SELDOM = 20.0  # seconds between two words about how far it is


@dataclass(frozen=True, slots=True)
class Job:
    """`measure` is a function of a module, so that another process finds it; `told` makes rows of its answer.

    A `quiet` one has the machine to itself: it is told by the clock, or starts servers.
    """

    measure: Callable[..., Row]
    arguments: tuple[Any, ...]
    told: Callable[[Row], Iterable[Row]]
    seconds: float = 2.0  # that it takes, about
    quiet: bool = False

    @property
    def subject(self) -> str:
        return self.measure.__module__.rpartition(".")[2]

    def __str__(self) -> str:
        return f"{self.subject}.{self.measure.__name__}({', '.join(map(str, self.arguments))})"


class Progress:
    """Words on stderr: how much is done, and when all will be, by what the jobs are thought to take."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._count, self._began, self._said = len(jobs), time.monotonic(), 0.0
        self._all, self._done, self._ended = sum(job.seconds for job in jobs), 0.0, 0

    def ended(self, job: Job) -> None:
        self._ended, self._done = self._ended + 1, self._done + job.seconds
        now = time.monotonic()
        if now - self._said < SELDOM and self._ended < self._count:
            return
        self._said, took = now, now - self._began
        left = took * (self._all - self._done) / self._done / 60
        told = f"{self._ended} of {self._count} measurements after {took / 60:.1f} minutes"
        print(f"{told}, about {left:.0f} more; the last was {job}", file=sys.stderr, flush=True)


def run(jobs: Sequence[Job], at_once: int = 2) -> Iterator[tuple[Job, Row | RuntimeError]]:
    """Every job with what came of it, as they end."""
    progress = Progress(jobs)
    for some, width in (([j for j in jobs if not j.quiet], at_once), ([j for j in jobs if j.quiet], 1)):
        with ThreadPoolExecutor(width) as pool:
            under_way = {pool.submit(alone, job.measure, *job.arguments): job for job in some}
            try:
                for done in as_completed(under_way):
                    yield under_way[done], _answer(done)
                    progress.ended(under_way[done])
            finally:
                pool.shutdown(cancel_futures=True)


def _answer(done: Future[Row]) -> Row | RuntimeError:
    """A measurement that fails is told at the end, with all the others that did not."""
    problem = done.exception()
    if problem is None:
        return done.result()
    if isinstance(problem, RuntimeError):
        return problem
    raise problem
