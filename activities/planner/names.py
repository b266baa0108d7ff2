"""Ids of actions that a person can read, type and say aloud: short, ASCII, unique, stable."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from activities import actions
from plan_schemas.model import Cluster
from plan_schemas.plan import Change

_LONGEST = 60


def name(changes: Iterable[Change], cluster: Cluster) -> list[str]:
    """One id per change: its own if it has one, else such as `disable-cmp07` or `migrate-web-12`."""
    listed = list(changes)
    taken = {c.id for c in listed if c.id}
    wishes = [c.id or _wish(c, cluster) for c in listed]
    wanted = Counter(wishes)
    out: list[str] = []
    for change, wish in zip(listed, wishes):
        id = (
            wish
            if change.id or (wanted[wish] == 1 and wish not in taken)
            else _told_apart(change, wish, taken)
        )
        taken.add(id)
        out.append(id)
    return out


def _wish(change: Change, cluster: Cluster) -> str:
    touches = actions.find(change.type).touches(**change.parameters)
    if touches.service is not None and touches.sets is not None:
        return plain(f"{touches.sets.removesuffix('d')}-{touches.service}")
    known = cluster.instances.get(touches.instance or "")
    return plain(f"{change.type}-{known.name or known.uuid}" if known is not None else change.type)


def _told_apart(change: Change, wish: str, taken: set[str]) -> str:
    """The wish with the beginning of the instance's uuid, or else a number."""
    uuid = actions.find(change.type).touches(**change.parameters).instance
    for length in (4, 8) if uuid is not None else ():
        if (id := f"{wish[: _LONGEST - 9]}-{plain(str(uuid))[:length]}") not in taken:
            return id
    number = 1
    while (id := f"{wish[: _LONGEST - 6]}-{number}") in taken:
        number += 1
    return id


def plain(text: str) -> str:
    """The text in letters, digits, dots, dashes and underscores, at most 60 of them."""
    ascii_ = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", ascii_).strip("-._")[:_LONGEST] or "action"
