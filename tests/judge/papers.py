"""The plan as a paper: ids, edges, reasons, parameters, footprints, expectations; not yet its effects."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.judge.picture import Picture, Row, Violation

PARAMETERS: Mapping[str, tuple[set[str], set[str]]] = {  # type -> required, optional
    "migrate": ({"instance", "source", "destination", "kind"}, set()),
    "change_nova_service_state": ({"host", "state"}, {"reason"}),
    "stop": ({"instance"}, {"state"}),
    "resize": ({"instance", "flavor"}, set()),
    "nop": (set(), {"message"}),
    "sleep": ({"seconds"}, set()),
}
CHOICES: Mapping[tuple[str, str], set[str]] = {
    ("migrate", "kind"): {"live", "cold"},
    ("change_nova_service_state", "state"): {"enabled", "disabled"},
    ("stop", "state"): {"stopped", "running"},
}
STATIC = "before any action starts"


def papers(picture: Picture, plan: Row) -> Iterator[Violation]:
    """What is wrong with the document itself."""
    ids = [a["id"] for a in plan["actions"]]
    for one in sorted({i for i in ids if ids.count(i) > 1}):
        yield Violation("ids", STATIC, one, f"{ids.count(one)} actions are called {one}")
    for action in plan["actions"]:
        yield from _references(action, set(ids))
        if not str(action.get("reason", "")).strip():
            yield Violation("reason", STATIC, action["id"], "the action says not why")
        wrong = list(_parameters(picture, action))
        yield from wrong or [*_touches(action), *_expects(picture, action, plan)]
    if "digest" in plan and plan["digest"] != _digest(plan):
        yield Violation("digest", STATIC, plan.get("name", ""), f"the plan's content gives {_digest(plan)}")
    yield from _bounds(plan)


def _references(action: Row, ids: set[str]) -> Iterator[Violation]:
    for edge in ("needs", "freed_by"):
        for other in action.get(edge, ()):
            if other not in ids:
                yield Violation("edges", STATIC, action["id"], f"{edge} names {other}, which does not exist")


def _parameters(picture: Picture, action: Row) -> Iterator[Violation]:
    def wrong(text: str, rule: str = "parameters") -> Violation:
        return Violation(rule, STATIC, action["id"], text)

    kind, given = action["type"], action.get("parameters", {})
    if kind not in PARAMETERS:
        yield wrong(f"the judge knows no action of type {kind}")
        return
    required, optional = PARAMETERS[kind]
    for name in sorted(required - given.keys()):
        yield wrong(f"{kind} lacks {name}")
    for name in sorted(given.keys() - required - optional):
        yield wrong(f"{kind} has no parameter {name}")
    for name, value in sorted(given.items()):
        if value not in CHOICES.get((kind, name), {value}):
            yield wrong(f"{name} cannot be {value}")
    if "instance" in given and given["instance"] not in picture.instances:
        yield wrong(f"there is no instance {given['instance']}")
    for name in ("source", "destination", "host"):
        if name in given and given[name] not in picture.hosts:
            yield wrong(f"there is no host {given[name]}", "unknown_host")


def _touches(action: Row) -> Iterator[Violation]:
    p = action.get("parameters", {})
    due = {
        "migrate": {"instance": p.get("instance"), "out": p.get("source"), "into": p.get("destination")},
        "change_nova_service_state": {"service": p.get("host"), "sets": p.get("state")},
        "stop": {"instance": p.get("instance")},
        "resize": {"instance": p.get("instance")},
    }.get(action["type"], {})
    given = {k: v for k, v in action.get("touches", {}).items() if v is not None}
    if given != due:
        yield Violation("touches", STATIC, action["id"], f"touches {given}, but its parameters say {due}")


def switched(plan: Row) -> set[str]:
    """The instances that the plan itself stops or starts."""
    return _instances(plan, "stop")


def _instances(plan: Row, kind: str) -> set[str]:
    return {a["parameters"]["instance"] for a in plan["actions"] if a["type"] == kind}


def _expects(picture: Picture, action: Row, plan: Row) -> Iterator[Violation]:
    """What an action expects of an instance that it moves must be so in the model it was planned on."""
    p = action.get("parameters", {})
    if "instance" not in p:
        return
    row = picture.instances[p["instance"]]
    facts = {
        **({"host": p["source"]} if "source" in p else {}),
        **({} if p["instance"] in switched(plan) else {"status": row.get("status", "ACTIVE")}),
        "task_state": row.get("task_state"),
        "locked": row.get("locked", False),
        **({} if p["instance"] in _instances(plan, "resize") else {"flavor": row.get("flavor", "")}),
    }
    for name, value in sorted(action.get("expects", {}).items()):
        if name in facts and value != facts[name]:
            text = f"expects {name} {value!r}, the model says {facts[name]!r}"
            yield Violation("expects", STATIC, action["id"], text)


def _digest(plan: Row) -> str:
    content = _whole({k: v for k, v in plan.items() if k != "digest"})
    line = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(line.encode()).hexdigest()


def _whole(value: Any) -> Any:
    """The same with 6.0 written as 6: whichever tool carried the plan, its digest is that of its content."""
    if isinstance(value, dict):
        return {k: _whole(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_whole(v) for v in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _bounds(plan: Row) -> Iterator[Violation]:
    for row in plan.get("bounds", ()):
        value, bound = row.get("value", 0), row.get("bound", 0)
        beaten = value < bound if row["better"] == "lower" else value > bound
        if beaten and abs(value - bound) > 1e-9 * max(1.0, abs(bound)):
            text = f"{row['name']} is {value}, better than its own bound {bound}"
            yield Violation("bound", "at the end", row["name"], text)
