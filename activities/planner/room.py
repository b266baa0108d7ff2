"""Whether all can be given the room that they need at once: a flow from rooms to takers."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from itertools import pairwise

Flow = dict[str, dict[str, int]]  # room -> who has how much of it


def lacking(
    takes: Mapping[str, int], room: Mapping[str, int], behind: Mapping[str, Sequence[str]]
) -> frozenset[str]:
    """Takers that need more together than all rooms that are open to any of them; nobody if all find theirs.

    What one was given is taken from it again if there is other room for it, until there is none for somebody.
    """
    left, held = dict(room), defaultdict[str, dict[str, int]](dict)
    for taker, whole in takes.items():
        amount = whole
        while amount:
            path, asked = _way(taker, left, held, behind)
            if not path:
                return asked
            amount -= _push(path, amount, left, held)
    return frozenset()


def _way(
    taker: str, left: Mapping[str, int], held: Flow, behind: Mapping[str, Sequence[str]]
) -> tuple[list[tuple[str, str]], frozenset[str]]:
    """Who takes of which room, the last of which has some left, each in place of what the one before takes
    of it; and all takers that were asked."""
    came: dict[str, tuple[str, str | None]] = {}  # room -> who would take of it, and of which it came to that
    freed: dict[str, str | None] = {taker: None}  # taker -> the room of which it would give its part
    asked = deque([taker])
    while asked:
        one = asked.popleft()
        for of in behind[one]:
            if of in came:
                continue
            came[of] = (one, freed[one])
            if left[of] > 0:
                return list(_back(of, came)), frozenset(freed)
            for other in held[of]:
                if other not in freed:
                    freed[other] = of
                    asked.append(other)
    return [], frozenset(freed)


def _back(of: str | None, came: Mapping[str, tuple[str, str | None]]) -> list[tuple[str, str]]:
    path: list[tuple[str, str]] = []
    while of is not None:
        one, gave = came[of]
        path.append((one, of))
        of = gave
    return path[::-1]


def _push(path: Sequence[tuple[str, str]], amount: int, left: dict[str, int], held: Flow) -> int:
    """Give as much as can be given along the whole way; answers how much."""
    gives = [held[of][after] for (_, of), (after, _) in pairwise(path)]
    sent = min(amount, left[path[-1][1]], *gives)
    for (one, of), after in zip(path, [*(p[0] for p in path[1:]), ""], strict=True):
        held[of][one] = held[of].get(one, 0) + sent
        if after:
            held[of][after] -= sent
            if not held[of][after]:
                del held[of][after]
    left[path[-1][1]] -= sent
    return sent
