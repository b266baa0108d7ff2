"""Names beside each other, as short as they can still be told apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

_BETWEEN = re.compile(r"([-._]+)")


def short(names: Sequence[str]) -> list[str]:
    """Each without the parts at its beginning and at its end that all of them share."""
    parts = [_BETWEEN.split(name) for name in names]
    least = min(map(len, parts), default=1)
    front = min(_shared(parts), least - 1)
    back = min(_shared([row[::-1] for row in parts]), least - 1 - front)
    return ["".join(row[front : len(row) - back]) for row in parts]


def _shared(rows: Sequence[Sequence[str]]) -> int:
    """How many of their first parts all rows have alike."""
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*rows)))
