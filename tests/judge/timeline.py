"""The verdict on every moment of a run as it really went, from the cloud's own records of its migrations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.judge.picture import Picture, Row, Violation


class Stay(NamedTuple):
    """A migration: from `began` to `ended` the instance holds its source and its destination."""

    instance: str
    source: str
    destination: str
    began: float
    ended: float
    arrived: bool


def timeline(before: Row, stays: Sequence[Stay]) -> list[Violation]:
    """Every rule of room and of groups that was broken at the start of a migration: only then a host fills.

    Records tell seconds; within one of them what ended counts as ended before what began.
    """
    picture = Picture(before)
    going: list[Stay] = []
    found: list[Violation] = []
    for stay in sorted(stays, key=lambda s: s.began):
        for over in [s for s in going if s.ended <= stay.began]:
            going.remove(over)
            picture.put(over.instance, over.destination if over.arrived else over.source)
        if picture.where.get(stay.instance) != stay.source:
            text = f"{stay.instance} moves from {stay.source} and is on {picture.where.get(stay.instance)}"
            found.append(Violation("source", _when(stay), stay.instance, text))
        going.append(stay)
        found += _room(picture, stay, going)
        found += _apart(picture, stay, going)
    return found


def _room(picture: Picture, stay: Stay, going: Sequence[Stay]) -> Iterator[Violation]:
    host = stay.destination
    for resource_class in picture.takes(stay.instance, host):
        coming = sum(picture.needs(s.instance).get(resource_class, 0) for s in going if s.destination == host)
        used, limit = picture.used(host, resource_class) + coming, picture.limit(host, resource_class)
        if used > limit:
            text = f"{host} holds {used} {resource_class}, at most {limit:g}"
            yield Violation("capacity", _when(stay), host, text)


def _apart(picture: Picture, stay: Stay, going: Sequence[Stay]) -> Iterator[Violation]:
    host = stay.destination
    for group in picture.groups_of(stay.instance):
        if group["policy"] != "anti-affinity":
            continue
        members = set(picture.members(group))
        there = {u for u in members if picture.where[u] == host}
        there |= {s.instance for s in going if s.destination == host and s.instance in members}
        if len(there) > group.get("max_server_per_host", 1):
            text = f"{host} holds {len(there)} members of group {group['name']}"
            yield Violation("anti_affinity", _when(stay), host, text)


def _when(stay: Stay) -> str:
    return f"when {stay.instance} began to move at {stay.began:.0f}"
