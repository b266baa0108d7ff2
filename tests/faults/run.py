"""One run: a plan of one action under one fault, and the plan's document."""

from __future__ import annotations

from dataclasses import dataclass, field

from activities import actions
from activities.door import Door
from tests.faults.kinds import Deed, Kind
from tests.faults.moments import Moment, Trap
from tests.faults.pens import Pen, Row
from tests.faults.troubles import HEARTBEAT, PATIENT, Trouble
from tests.killing import SHORT

ACTION, STUMBLE = "victim", "stumble"


@dataclass(frozen=True)
class Cell:
    """One field of the matrix."""

    trouble: Trouble
    moment: Moment
    kind: Kind

    @property
    def ways(self) -> tuple[Trap, ...]:
        """How it can be brought about."""
        return self.trouble.traps(self.kind, self.moment)

    def __str__(self) -> str:
        return f"{self.trouble.name}, {self.moment}, {self.kind.name}"


@dataclass
class Run:
    """What is tried, and what is known of it when it is over."""

    cell: Cell
    nth: int  # of its cell
    tries: int = 0
    plan: str = ""
    pen: Pen | None = None
    deed: Deed | None = None
    expects: Row = field(default_factory=dict)
    faults: list[int] = field(default_factory=list)  # ids; the first is the trap
    since: int = 0  # lines of the journal before it began
    report: Row = field(default_factory=dict)  # what the plan said at its end; empty if it came to none
    killed: float = 0.0  # by the wall clock
    then: Row = field(default_factory=dict)  # the cloud in that moment

    @property
    def trap(self) -> Trap:
        ways = self.cell.ways
        return ways[self.nth % len(ways)]

    @property
    def known(self) -> Deed:
        if self.deed is None:
            raise AssertionError(f"{self.cell} has not begun")
        return self.deed

    @property
    def undoes(self) -> bool:
        return self.cell.moment is Moment.UNDO

    def begin(self, plan: str, pen: Pen, state: Row, door: Door, since: int) -> None:
        """Take up a pen; what the action expects is read now, so that nothing but the action looks at it."""
        self.plan, self.pen, self.since = plan, pen, since
        self.deed = self.cell.kind.deed(pen, state)
        module = actions.find(self.cell.kind.type)
        self.expects = dict(module.look(door, **self.deed.parameters) or {})
        self.faults, self.report, self.killed, self.then = [], {}, 0.0, {}

    def document(self, state: Row) -> Row:
        """The plan: the action, and where it is to be undone another one that the cloud forbids."""
        if self.pen is None:
            raise AssertionError(f"{self.cell} has not begun")
        heartbeat = PATIENT if self.cell.trouble.victim else HEARTBEAT
        rows: list[Row] = [self._row()]
        if self.undoes:
            rows.append(self._stumble(self.pen, state))
        return {
            "ballast": "v1",
            "kind": "ActionPlan",
            "cloud": "simcloud",
            "execution": {
                "mode": "auto",
                "on_failure": "rollback",
                "allow": ["live", "cold", "service", "stop", "resize"],
            },
            "types": {row["type"]: {**SHORT, "heartbeat_seconds": heartbeat} for row in rows},
            "actions": rows,
        }

    def _row(self) -> Row:
        return {
            "id": ACTION,
            "type": self.cell.kind.type,
            "parameters": self.known.parameters,
            "expects": self.expects,
        }

    def _stumble(self, pen: Pen, state: Row) -> Row:
        source, destination = pen.hosts
        parameters = {
            "instance": pen.uuid(state, pen.stayer),
            "source": source,
            "destination": destination,
            "kind": "live",
        }
        return {"id": STUMBLE, "type": "migrate", "parameters": parameters, "needs": [ACTION]}

    def plants(self, state: Row) -> list[Row]:
        """The simulator's faults for this run, the trap first."""
        trap = self.trap
        planted = [{**trap.conditions(self.known.thing), **self.cell.trouble.effect(trap, self.nth)}]
        if self.undoes and self.pen is not None:
            stayer = self.pen.uuid(state, self.pen.stayer)
            planted.append(
                {"instance": stayer, "action": "os-migrateLive", "effect": "status", "status": 403}
            )
        return planted
