"""What is carried out under each fault: every type of the catalogue that touches the cloud."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from activities import actions
from plan_schemas.catalog import load
from tests.faults.pens import SIZES, Pen, Row

REASON = "ballast: fault matrix"


@dataclass(frozen=True)
class Deed:
    """One action in one pen, with what the cloud's journal and state must show of it."""

    parameters: Row
    thing: Row  # how a fault names what it is about
    stands: Callable[[Row], Any]  # where that stands, in the simulator's state
    before: Any
    after: Any
    asks: Callable[[Row], bool]  # whether a line of the journal is its request
    undoes: Callable[[Row], bool]
    helps: Callable[[Row], bool]  # or one that belongs to either


@dataclass(frozen=True)
class Kind:
    """A column of the matrix."""

    name: str
    type: str
    writes: int  # changes that the cloud is asked for by one of these
    goes_on: bool  # in the cloud, after its request was answered
    deed: Callable[[Pen, Row], Deed]


def kinds() -> tuple[Kind, ...]:
    """All of them. A type that nobody has told how to try out is an error: it would stay untried."""
    touching = [
        name
        for name, declared in load().actions.items()
        if actions.find(name).permission(**declared.example) is not None
    ]
    unknown = [name for name in touching if name not in {kind.type for kind in KNOWN}]
    if unknown:
        raise LookupError(f"tests/faults/kinds.py has no Kind of the type {', '.join(unknown)}; add one")
    return tuple(kind for kind in KNOWN if kind.type in touching)


def _move(verb: str, kind: str) -> Callable[[Pen, Row], Deed]:
    def deed(pen: Pen, state: Row) -> Deed:
        uuid = pen.uuid(state, pen.mover)
        source = state["instances"][uuid]["host"]
        there = next(host for host in pen.hosts if host != source)

        def sends_to(host: str) -> Callable[[Row], bool]:
            return lambda line: (
                line["server"] == uuid and line["action"] == verb and line["body"][verb]["host"] == host
            )

        return Deed(
            {"instance": uuid, "source": source, "destination": there, "kind": kind},
            {"instance": uuid},
            lambda state: _whereabouts(state, uuid),
            (source, "ACTIVE", None),
            (there, "ACTIVE", None),
            sends_to(there),
            sends_to(source),
            lambda line: line["server"] == uuid and kind == "cold" and line["action"] == "confirmResize",
        )

    return deed


def _whereabouts(state: Row, uuid: str) -> tuple[Any, ...]:
    one = state["instances"][uuid]
    return one["host"], one["status"], one["task_state"]


def _service(pen: Pen, state: Row) -> Deed:
    name = pen.hosts[0]
    host = state["hosts"][name]
    wanted = "disabled" if host["status"] == "enabled" else "enabled"
    reason = {"reason": REASON} if wanted == "disabled" else {}

    def sets(status: str) -> Callable[[Row], bool]:
        return lambda line: (
            line["method"] == "PUT"
            and line["path"].endswith(host["service_uuid"])
            and line["body"]["status"] == status
        )

    def stands(state: Row) -> tuple[Any, ...]:
        return state["hosts"][name]["status"], state["hosts"][name]["disabled_reason"]

    return Deed(
        {"host": name, "state": wanted, **reason},
        {"host": name, "path": "/os-services"},
        stands,
        stands(state),
        (wanted, reason.get("reason")),
        sets(wanted),
        sets(host["status"]),
        lambda _line: False,
    )


def _resize(pen: Pen, state: Row) -> Deed:
    """Nova chooses between the hosts of the pen: where it stands afterwards is no matter."""
    uuid = pen.uuid(state, pen.mover)
    before = state["instances"][uuid]["flavor"]
    after = next(name for name in SIZES if name != before)

    def stands(state: Row) -> tuple[Any, ...]:
        one = state["instances"][uuid]
        return one["flavor"], one["status"], one["task_state"]

    def asks(name: str) -> Callable[[Row], bool]:
        return lambda line: (
            line["server"] == uuid
            and line["action"] == "resize"
            and line["body"]["resize"]["flavorRef"] == name  # declared flavors have their names for ids
        )

    return Deed(
        {"instance": uuid, "flavor": after},
        {"instance": uuid},
        stands,
        (before, "ACTIVE", None),
        (after, "ACTIVE", None),
        asks(after),
        asks(before),
        lambda line: line["server"] == uuid and line["action"] == "confirmResize",
    )


def _power(pen: Pen, state: Row) -> Deed:
    uuid = pen.uuid(state, pen.mover)
    host = state["instances"][uuid]["host"]

    def asks(verb: str) -> Callable[[Row], bool]:
        return lambda line: line["server"] == uuid and line["action"] == verb

    return Deed(
        {"instance": uuid},
        {"instance": uuid},
        lambda state: _whereabouts(state, uuid),
        (host, "ACTIVE", None),
        (host, "SHUTOFF", None),
        asks("os-stop"),
        asks("os-start"),
        lambda _line: False,
    )


KNOWN = (
    Kind("live", "migrate", 1, True, _move("os-migrateLive", "live")),
    Kind("cold", "migrate", 2, True, _move("migrate", "cold")),
    Kind("service", "change_nova_service_state", 1, False, _service),
    Kind("stop", "stop", 1, False, _power),
    Kind("resize", "resize", 2, True, _resize),
)


def about(deed: Deed, journal: list[Row]) -> Iterator[Row]:
    """The accepted changes of what a deed is about."""
    for line in journal:
        if line["event"] == "processed" and line["accepted"] and line["method"] != "GET":
            thing = deed.thing
            if "instance" in thing and line["server"] != thing["instance"]:
                continue
            if "host" in thing and not (deed.asks(line) or deed.undoes(line)):
                continue
            yield line
