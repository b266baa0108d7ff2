"""Times of day and week in which plans may start actions, in the time zone of those who keep them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Span = tuple[datetime, datetime]  # from, until; in UTC


@dataclass(frozen=True, slots=True)
class Window:
    """`days` at which it begins (none: every day), from `start` until `end` by the clocks of `zone`.

    An end that is not after the start is on the day after.
    """

    start: str
    end: str
    days: tuple[str, ...] = ()
    zone: str = "UTC"

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Window:
        return cls(row["start"], row["end"], tuple(row.get("days", ())), row.get("zone", "UTC"))

    def spans(self, first: date, last: date) -> Iterator[Span]:
        """Those that begin between two days. Where clocks are set back or forward, by the clocks."""
        zone, start, end = ZoneInfo(self.zone), time.fromisoformat(self.start), time.fromisoformat(self.end)
        day = first
        while day <= last:
            if not self.days or DAYS[day.weekday()] in self.days:
                closes = day if end > start else day + timedelta(days=1)
                opens_at = datetime.combine(day, start, zone).astimezone(UTC)
                closes_at = datetime.combine(closes, end, zone).astimezone(UTC)
                if opens_at < closes_at:
                    yield opens_at, closes_at
            day += timedelta(days=1)


def is_zone(name: str) -> bool:
    """Whether this machine knows a time zone of that name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def is_moment(text: str) -> bool:
    """Whether a text that has the form of a time is one: there is no 30 February."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def openings(groups: Iterable[Sequence[Window]], begin: datetime, end: datetime) -> list[Span]:
    """When every group has a window open, between two moments; the whole time without groups."""
    free = [(begin.astimezone(UTC), end.astimezone(UTC))]
    for group in groups:
        spans = (
            s
            for w in group
            for s in w.spans(begin.date() - timedelta(days=2), end.date() + timedelta(days=1))
        )
        free = list(_common(free, _merged(spans)))
    return free


def _merged(spans: Iterable[Span]) -> list[Span]:
    out: list[Span] = []
    for opens, closes in sorted(spans):
        if out and opens <= out[-1][1]:
            out[-1] = (out[-1][0], max(closes, out[-1][1]))
        else:
            out.append((opens, closes))
    return out


def _common(some: Iterable[Span], others: Sequence[Span]) -> Iterator[Span]:
    for begin, end in some:
        for opens, closes in others:
            if max(begin, opens) < min(end, closes):
                yield max(begin, opens), min(end, closes)
