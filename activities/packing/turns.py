"""Empties hosts one after the other in a given order, each whole; other searches look at all at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from activities.packing.chain import first_without
from activities.packing.keep import Choice, Field, Limit
from activities.packing.level import level
from activities.packing.release import Release, Released


def in_turn(field: Field, limit: Limit, hosts: Iterable[int], *, evenly: bool) -> Released:
    """Release these hosts in this order where all on them finds a place; `evenly` spreads the arrivals.

    A host that stays was tried once more on the arrangement in which all ends: only then it is true that
    there is no room for what it holds.
    """
    search, order = Release(field, limit), [h for h in hosts if field.occupied[h] and not field.forced[h]]
    choice, turns = Choice(field, limit), _Turns(search)
    search.packer.start(field.occupied)
    failed, untried = turns.walk(order)
    while True:
        if evenly:
            level(search.packer)
            turns.forget()
        left, _ = turns.walk(failed)
        if len(left) == len(failed):
            return search.settle(choice, frozenset(untried))
        failed = left


class _Turns:
    """Tries host after host; on many hosts, what found no place is not tried again until one was released."""

    def __init__(self, search: Release) -> None:
        self._search, self._packer = search, search.packer
        self._vain: dict[int, list[Counter[int]]] = defaultdict(list)  # by the kind that found no place

    def forget(self) -> None:
        self._vain.clear()

    def walk(self, hosts: Sequence[int]) -> tuple[list[int], list[int]]:
        """Those of the hosts that could not be released, and those that were not tried any more."""
        limit, occupied = self._search.limit, self._search.field.occupied
        failed: list[int] = []
        for n, host in enumerate(hosts):
            released = int((occupied & ~self._packer.open).sum())
            if (limit.hosts is not None and released >= limit.hosts) or len(failed) == limit.failures:
                return failed, list(hosts[n:])
            if not (self._search.exchange(release=host) if self._search.small else self._released(host)):
                failed.append(host)
        return failed, []

    def _released(self, host: int) -> bool:
        """Release it if all on it finds a place; one host of many that stays is worth no long search."""
        search, packer = self._search, self._packer
        items = packer.by_size([*packer.guests[host], *search.on[host]])
        if not search.allows(len(search.on[host])) or self._tried_in_vain(items):
            return False
        kept = packer.open.copy()
        packer.record()
        search.close(host)
        stuck = first_without(packer, items)
        if stuck is None:
            self.forget()
            return True
        packer.undo(kept)
        self._remember(host, items[: stuck + 1])
        return False

    def _tried_in_vain(self, items: Sequence[int]) -> bool:
        """Whether some of these are like others that found no place together, as things are."""
        kinds = Counter(self._packer.kind[i] for i in items)
        tried = (wanted for kind in kinds for wanted in self._vain.get(kind, ()))
        return any(all(kinds[kind] >= number for kind, number in wanted.items()) for wanted in tried)

    def _remember(self, host: int, items: Sequence[int]) -> None:
        """That these found no place while this host was closed, unless it has room for one of them itself."""
        packer = self._packer
        if not any(packer.choosy(i) or packer.takes(i, host) for i in items):
            self._vain[packer.kind[items[-1]]].append(Counter(packer.kind[i] for i in items))
