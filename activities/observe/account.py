"""Comparing what runs on a host with what Placement has booked there, and explaining the difference. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from activities.observe import amounts
from activities.observe.nova import Server
from activities.observe.reading import Reading
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Amounts, total

_REMEDY = (
    "`nova-manage placement audit --delete` removes what leaked, "
    "`nova-manage placement heal_allocations` books what is missing"
)


@dataclass(frozen=True, slots=True)
class Account:
    """One host's books: what each instance holds, what else is held, what was explained and what was not."""

    resources: Mapping[str, Amounts]  # by instance
    claimed: Amounts
    notes: tuple[str, ...]
    doubts: tuple[str, ...]

    def believing(self, before: frozenset[str]) -> Account:
        """The same with only those doubts that were there before; the others become notes."""
        once = tuple(one for one in self.doubts if one not in before)
        return replace(
            self,
            doubts=tuple(one for one in self.doubts if one in before),
            notes=(*self.notes, *(f"{one} (in one look only)" for one in once)),
        )

    @property
    def doubt(self) -> str:
        """The first few doubts in one line with the remedy, empty if there are none."""
        if not self.doubts:
            return ""
        rest = f"; and {len(self.doubts) - 3} more" if len(self.doubts) > 3 else ""
        return f"{'; '.join(self.doubts[:3])}{rest} ({_REMEDY})"


def settle(reading: Reading, known: Mapping[str, Server], late: tuple[Server, ...] = ()) -> Account:
    """The account of a host. `known` are all servers seen anywhere, the latest sight of each; `late` are
    those that came to this host while others were read, and that no look has shown.
    """
    resources: dict[str, Amounts] = {}
    notes: list[str] = []
    doubts: list[str] = []
    # While a server moves, its migration holds its place on the source.
    leaving = {m.instance: m.uuid for m in reading.moves if m.uuid in reading.allocations}
    covered: set[str] = set()
    for server in (*reading.servers, *late):
        own = reading.allocations.get(server.id)
        if own is None and server.id in leaving:
            own = reading.allocations[leaving[server.id]]
            covered.add(leaving[server.id])
        resources[server.id], odd = _of_instance(reading, server, own)
        if odd:
            (notes if server.in_transit or server in late else doubts).append(odd)
    present = resources.keys() | covered
    extra = {c: held for c, held in sorted(reading.allocations.items()) if c not in present}
    for consumer, held in extra.items():
        why = _explain(consumer, reading, known)
        text = f"{_said(held)} held by {why or f'unknown consumer {consumer}'}"
        (notes if why else doubts).append(text)
    return Account(FrozenDict(sorted(resources.items())), total(extra.values()), tuple(notes), tuple(doubts))


def _of_instance(reading: Reading, server: Server, own: Amounts | None) -> tuple[Amounts, str | None]:
    """What an instance is counted with, and what is odd about it."""
    if server.flavor is None:
        return FrozenDict(own or {}), None
    from_volume = server.image == ""
    needed = amounts.of_flavor(server.flavor, boot_from_volume=from_volume)
    if own is None:
        return needed, f"instance {server.id} ({server.status}) has no allocation here"
    differs = amounts.differences(own, needed, reading.classes)
    if differs and from_volume:
        # Before Rocky Nova claimed the root disk of these as well, and such records live on.
        whole = amounts.of_flavor(server.flavor, boot_from_volume=False)
        differs = differs if amounts.differences(own, whole, reading.classes) else ()
    if not differs:
        return FrozenDict(sorted(own.items())), None
    return amounts.higher(own, needed), f"instance {server.id}: {', '.join(differs)}"


def _explain(consumer: str, reading: Reading, known: Mapping[str, Server]) -> str | None:
    """Why somebody who is not on this host holds something here, if that is known."""
    move = next((m for m in reading.moves if consumer in (m.uuid, m.instance)), None)
    server = known.get(consumer)
    if move is not None and (consumer == move.uuid or not move.ended or server is not None):
        return f"migration {move.id} of {move.instance} from {move.source} to {move.dest} ({move.status})"
    if server is not None and (server.in_transit or server.host is None):
        return f"instance {consumer} ({server.status}, task {server.task_state}, on {server.host})"
    if server is not None and server.host == reading.place.name:
        return f"instance {consumer}, which arrived meanwhile"
    return None


def _said(held: Amounts) -> str:
    return ", ".join(f"{name} {amount}" for name, amount in sorted(held.items()))
