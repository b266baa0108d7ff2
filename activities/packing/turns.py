"""Empties hosts one after the other in a given order, each whole; other searches look at all at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from activities.packing.keep import Choice, Field, Limit
from activities.packing.level import level
from activities.packing.release import Release, Released


def in_turn(field: Field, limit: Limit, hosts: Iterable[int], *, evenly: bool) -> Released:
    """Release these hosts in this order where all on them finds a place; `evenly` spreads the arrivals.

    A host that stays was tried once more on the arrangement in which all ends: only then it is true that
    there is no room for what it holds.
    """
    search, order = Release(field, limit), [h for h in hosts if field.occupied[h] and not field.forced[h]]
    choice = Choice(field, limit)
    search.packer.start(field.occupied)
    if not search.small:
        search.stirs = 0  # one host of many that stays is no matter
    failed, untried = _walk(search, order)
    while True:
        if evenly:
            level(search.packer)
        left, _ = _walk(search, failed)
        if len(left) == len(failed):
            return search.settle(choice, frozenset(untried))
        failed = left


def _walk(search: Release, hosts: Sequence[int]) -> tuple[list[int], list[int]]:
    """Those of the hosts that could not be released, and those that were not tried any more."""
    limit = search.limit
    failed: list[int] = []
    for n, host in enumerate(hosts):
        released = int((search.field.occupied & ~search.packer.open).sum())
        if (limit.hosts is not None and released >= limit.hosts) or len(failed) == limit.failures:
            return failed, list(hosts[n:])
        if not search.exchange(release=host):
            failed.append(host)
    return failed, []
