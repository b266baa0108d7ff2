"""What one host was seen to hold at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from activities.door import Reader
from activities.observe import listing, nova, placement
from activities.observe.frame import PLAIN, Place
from activities.observe.placement import Holding
from plan_schemas.model import Amounts

# Enough of the newest moves from or to a host to know every one that is still in progress.
_MOVES = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """A host's servers and its allocations by consumer; `round` says which look it was (later is truer)."""

    place: Place
    holdings: tuple[Holding, ...]  # root first
    servers: tuple[nova.Server, ...]
    allocations: Mapping[str, Amounts]
    moves: tuple[nova.Migration, ...] = ()
    round: int = 0

    @property
    def classes(self) -> frozenset[str]:
        return frozenset(name for one in self.holdings for name in one.inventory)


def first(reader: Reader, place: Place, version: str) -> Reading:
    """Everything about a host."""
    holdings = tuple(placement.holding(reader, row) for row in place.tree)
    servers = listed(reader, place, version)
    return Reading(place, holdings, servers, placement.allocations(reader, (row.uuid for row in place.tree)))


def again(reader: Reader, before: Reading, version: str) -> Reading:
    """A second look at a host whose numbers did not agree, now with the moves from and to it.

    Allocations come first, so that what they show is explained by what is asked later, and not the reverse.
    """
    place = before.place
    held = placement.allocations(reader, (row.uuid for row in place.tree))
    servers = listed(reader, place, version)
    path = f"/os-migrations?host={place.name}&limit={_MOVES}"
    moves = nova.shown_moves(nova.Migrations.model_validate_json(reader.get("compute", path, PLAIN)).rows)
    return replace(before, servers=servers, allocations=held, moves=moves, round=before.round + 1)


def listed(reader: Reader, place: Place, version: str) -> tuple[nova.Server, ...]:
    """The servers of a host."""
    path = f"/servers/detail?all_tenants=true&host={place.name}"
    rows = nova.shown_servers(listing.pages(reader, path, nova.Servers, version))
    return tuple(row for row in rows if row.partial or row.host == place.name)
