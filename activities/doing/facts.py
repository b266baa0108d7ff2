"""What is known of a server before and after an action: in the model and in the cloud, in the same words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from activities.door import Door, Gone
from activities.observe.nova import Server
from plan_schemas.model import Cluster

# Facts that are no name and no state, as people say them: which fact, and what it is.
_WORDS: Mapping[tuple[str, Any], str] = {
    ("task_state", None): "no task in progress",
    ("locked", False): "not locked",
    ("locked", True): "locked",
    ("way_back", True): "it can be resized back",
    ("way_back", False): "it cannot be resized back",
}
_CHANGED = {"way_back": "other flavors are on offer by now"}  # what has happened where one is otherwise


def in_model(cluster: Cluster, instance: str) -> dict[str, Any]:
    """Raises KeyError for an instance that is not there."""
    one = cluster.instances[instance]
    return {
        "host": one.host,
        "status": one.status,
        "task_state": one.task_state,
        "locked": one.locked,
        "flavor": one.flavor,
    }


def in_cloud(door: Door, instance: str) -> dict[str, Any] | None:
    """None when it is gone."""
    try:
        return of(door.server(instance))
    except Gone:
        return None


def of(server: Server) -> dict[str, Any]:
    return {
        "host": server.host,
        "status": server.status,
        "task_state": server.task_state,
        "locked": server.locked,
        "flavor": server.flavor.original_name if server.flavor else "",
    }


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[str, ...]:
    """Each expected fact that is otherwise now; of another flavor a way back would say nothing."""
    others = {what for what, want in expected.items() if found.get(what) != want}
    if "flavor" in others:
        others.discard("way_back")
    return tuple(_difference(what, expected[what], found.get(what)) for what in sorted(others))


def _difference(what: str, want: Any, found: Any) -> str:
    if what in _CHANGED and _said(what, want) and _said(what, found):
        return f"expected that {_said(what, want)}, found that {_said(what, found)}: {_CHANGED[what]}"
    return f"{what}: expected {_word(want)}, found {_word(found)}"


def _said(what: str, value: Any) -> str:
    """Empty where there are no words for it."""
    return _WORDS.get((what, value), "") if value is None or isinstance(value, bool) else ""


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def told(expected: Mapping[str, Any]) -> Iterator[str]:
    """Each expected fact, such as `host cmp-01` or `not locked`."""
    for what, want in expected.items():
        yield _said(what, want) or f"{what.replace('_', ' ')} {_word(want)}"
