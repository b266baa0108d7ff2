"""What a plan tells the world: CloudEvents in a chain, each sealed over itself and the one before it.

A receiver sees every event at least once; whoever has them all can tell whether one is missing, was changed
or was put in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from plan_schemas.frozen import digest

Event = dict[str, Any]
PREFIX = "io.ballast."


@dataclass(frozen=True, slots=True)
class Link:
    """Where a chain stands: the number and the digest of its newest event."""

    sequence: int = 0
    head: str = ""


def sealed(
    link: Link, *, source: str, subject: str, type: str, time: str, data: Mapping[str, Any]
) -> tuple[Event, Link]:
    """The next event of the chain of `source`, and where the chain stands then.

    The extension attributes are `sequence` (from 1), `previous` (digest of the event before) and `digest`.
    """
    number = link.sequence + 1
    event: Event = {
        "specversion": "1.0",
        "id": str(number),
        "source": source,
        "type": PREFIX + type,
        "subject": subject,
        "time": time,
        "datacontenttype": "application/json",
        "data": dict(data),
        "sequence": f"{number:08}",
        "previous": link.head,
    }
    event["digest"] = digest(event)
    return event, Link(number, event["digest"])


def complaints(events: Iterable[Mapping[str, Any]]) -> tuple[list[str], dict[str, Link]]:
    """What is wrong with some chains, and where each stands, by source.

    Events may come twice, in any order.
    """
    found: list[str] = []
    chains: dict[str, dict[int, Mapping[str, Any]]] = defaultdict(dict)
    for event in events:
        name = f"{event.get('source')} {event.get('id')}"
        if event.get("digest") != digest({k: v for k, v in event.items() if k != "digest"}):
            found.append(f"{name}: was changed after it was sealed")
        number = int(event["id"]) if str(event.get("id", "")).isdigit() else 0
        known = chains[str(event.get("source"))].setdefault(number, event)
        if known.get("digest") != event.get("digest"):
            found.append(f"{name}: there are two different ones")
    links = {}
    for source, chain in sorted(chains.items()):
        found += _gaps(source, chain)
        newest = chain[max(chain)]
        links[source] = Link(max(chain), str(newest.get("digest")))
    return found, links


def _gaps(source: str, chain: Mapping[int, Mapping[str, Any]]) -> Iterable[str]:
    previous = ""
    for number in range(1, max(chain) + 1):
        event = chain.get(number)
        if event is None:
            yield f"{source} {number}: is missing"
            previous = "?"
            continue
        if previous not in ("?", event.get("previous")):
            yield f"{source} {number}: does not follow {number - 1} as that stands here"
        previous = str(event.get("digest"))
