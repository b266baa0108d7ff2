"""Virtual time: what is due when, as data, so that a cloud can be copied in the middle of anything."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy.simcloud.refusal import Refusal

# Far enough ahead that a client comparing with its own clock never takes a fresh token for an old one.
EPOCH = datetime(2031, 1, 1, tzinfo=UTC)


@dataclass
class Clock:
    """Seconds since the start, and the calls that wait for their moment."""

    epoch: datetime = EPOCH
    now: float = 0.0
    _due: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = field(default_factory=list)
    _count: int = 0

    def after(self, seconds: float, call: Callable[..., None], *args: Any) -> None:
        """Remember a module-level function for later; equal moments keep their order."""
        self._count += 1
        heapq.heappush(self._due, (self.now + seconds, self._count, call, args))

    def next_due(self) -> float | None:
        return self._due[0][0] if self._due else None

    def pop_due(self, until: float) -> tuple[Callable[..., None], tuple[Any, ...]] | None:
        """The next call due by `until`, with the clock set to its moment."""
        if not self._due or self._due[0][0] > until:
            return None
        moment, _, call, args = heapq.heappop(self._due)
        self.now = max(self.now, moment)
        return call, args

    def moment(self, seconds: float) -> datetime:
        return self.epoch + timedelta(seconds=seconds)

    def seconds(self, moment: datetime) -> float:
        """The reverse of moment(), for filters such as changes-since."""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (aware - self.epoch).total_seconds()


def parse_moment(text: str) -> datetime:
    """An ISO 8601 time as clients send it; a plus sign arrives as a blank."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00").replace(" ", "+"))
    except ValueError:
        raise Refusal(400, f"Invalid time: {text!r}") from None
