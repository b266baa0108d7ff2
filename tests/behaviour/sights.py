"""What tests see of a cloud, as values, and what of a polled sequence can be relied on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

Row = dict[str, Any]
ENDED = ("completed", "error", "failed", "cancelled", "finished", "confirmed", "reverted", "done")


class NotInTime(AssertionError):
    """Something that should have happened did not."""


class Answer(NamedTuple):
    """What came back: the status and the body, whatever they are."""

    status: int
    body: Row

    @property
    def message(self) -> str:
        """The service's own words for its refusal."""
        inner: Any = next(iter(self.body.values()), "") if self.status >= 400 else ""
        return str(inner.get("message", "")) if isinstance(inner, dict) else str(inner)

    @property
    def refusal(self) -> tuple[int, str]:
        return self.status, self.message


class Sighting(NamedTuple):
    """A server and the newest record of its moves, as one look showed them."""

    status: str
    task: str | None
    host: str | None
    record: str | None


class Deed(NamedTuple):
    """An instance action: its word, its message, and of each event the result with the details."""

    action: str
    message: str | None
    events: dict[str, tuple[str | None, str | None]]


def servers(seen: Iterable[Sighting]) -> list[tuple[str, str | None, str | None]]:
    """What the server alone went through: status, task and host."""
    return distinct((one.status, one.task, one.host) for one in seen)


def records(seen: Iterable[Sighting]) -> list[str | None]:
    """What the newest record alone went through."""
    return distinct(one.record for one in seen)


def distinct(sequence: Iterable[Any]) -> list[Any]:
    """Without what only repeats the one before."""
    found: list[Any] = []
    for one in sequence:
        if not found or found[-1] != one:
            found.append(one)
    return found


def subsequence(wanted: Iterable[Any], seen: Iterable[Any]) -> bool:
    """Whether all wanted appear among the seen, in this order."""
    rest = iter(seen)
    return all(any(one == other for other in rest) for one in wanted)


def in_order(allowed: Iterable[Any], seen: Iterable[Any]) -> bool:
    """Whether nothing was seen but these, in this order; a poll may miss some of them."""
    return subsequence(seen, allowed)
