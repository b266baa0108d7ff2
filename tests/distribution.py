"""What the random clouds and plans of a session were like, counted and printed at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.worlds import DEMANDED

COUNTS: dict[str, Counter[str]] = {}
ACTIONS: dict[str, Counter[str]] = {}
SIZES = ((0, "empty"), (1, "1"), (4, "2-4"), (9, "5-9"), (19, "10-19"), (10_000, "20+"))


def note(strategy: str, snapshot: Mapping[str, Any], actions: int, **more: bool) -> None:
    """Count one (cloud, strategy) pair and the size of its plan."""
    counts = COUNTS.setdefault(strategy, Counter())
    counts["clouds"] += 1
    present = features(snapshot)
    counts.update(present)
    counts["all six"] += set(DEMANDED) <= present
    counts["plan " + next(word for most, word in SIZES if actions <= most)] += 1
    counts.update(word for word, is_so in more.items() if is_so)


def note_action(action: str, snapshot: Mapping[str, Any], *, found: bool) -> None:
    """Count one (cloud, action) pair, and whether the rules of that cloud allowed the action anywhere."""
    counts = ACTIONS.setdefault(action, Counter())
    counts["clouds"] += 1
    counts.update(features(snapshot))
    counts["carried out"] += found


def features(snapshot: Mapping[str, Any]) -> set[str]:
    """The particularities that a cloud really has, whatever was drawn for it."""
    hosts, instances = snapshot["hosts"], snapshot["instances"]
    out = {word for word in ("locked", "boot_from_volume") if any(i.get(word) for i in instances)}
    out |= {str(i["status"]).lower() for i in instances if "status" in i}
    out |= {f"{h['status']}" for h in hosts if "status" in h} | {
        f"{h['state']}" for h in hosts if "state" in h
    }
    out |= {word for word in ("claimed", "uncertain", "hypervisor_type") if any(h.get(word) for h in hosts)}
    specs = {key.partition(":")[0] for i in instances for key in i.get("extra_specs", {})}
    words = {
        "trait": "traits",
        "aggregate_instance_extra_specs": "aggregate",
        "hw": "numa",
        "resources": "custom",
    }
    out |= {words[s] for s in specs & words.keys()}
    found = {
        "groups": any(g.get("members") for g in snapshot["groups"]),
        "pins": any(i.get("pinned_az") for i in instances),
        "tenant": any(a["name"] == "kept" for a in snapshot["aggregates"]),
    }
    return out | {word for word, is_so in found.items() if is_so}


def share(strategy: str, word: str) -> float:
    """The part of a strategy's clouds of which something was counted."""
    counts = COUNTS[strategy]
    return counts[word] / counts["clouds"]


def lines() -> Iterator[str]:
    for strategy, counts in sorted({**COUNTS, **ACTIONS}.items()):
        rest = ", ".join(f"{word} {n}" for word, n in sorted(counts.items()) if word != "clouds")
        yield f"{strategy}: {counts['clouds']} clouds; {rest}"


def counted() -> dict[str, dict[str, dict[str, int]]]:
    """All that was counted here, for whoever adds it up."""
    return {
        name: {key: dict(row) for key, row in table.items()}
        for name, table in (("clouds", COUNTS), ("actions", ACTIONS))
    }


def add(elsewhere: Mapping[str, Mapping[str, Mapping[str, int]]]) -> None:
    """What another process of the same session has counted."""
    for name, table in (("clouds", COUNTS), ("actions", ACTIONS)):
        for key, row in elsewhere[name].items():
            table.setdefault(key, Counter()).update(row)
