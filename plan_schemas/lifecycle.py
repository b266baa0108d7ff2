"""What a tenant says in a server's metadata of how it may be moved; policies say which words count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

KEYS = {"live": "lifecycle:livemigratable", "cold": "lifecycle:coldmigratable"}  # kind of move -> key
YES = frozenset({"true", "yes", "1"})


def closed(metadata: Mapping[str, str], honoured: Iterable[str]) -> frozenset[str]:
    """The kinds of move that the metadata rules out. A word that is not understood is taken for a no."""
    if not metadata:
        return frozenset()
    return frozenset(
        kind
        for kind in honoured
        if (said := metadata.get(KEYS[kind])) is not None and str(said).strip().lower() not in YES
    )


def sentences(name: str, metadata: Mapping[str, str], kinds: Iterable[str]) -> Iterator[str]:
    """Why a server of this name is not moved in these ways, by key and value."""
    for kind in sorted(kinds):
        yield f"{name} has {KEYS[kind]}={metadata[KEYS[kind]]}: its tenant wants no {kind} migration"
