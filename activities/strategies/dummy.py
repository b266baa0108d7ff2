"""Changes nothing in the cloud: says something, sleeps, says something; for trying out the machinery."""

from __future__ import annotations

from plan_schemas.audit import Situation
from plan_schemas.plan import Change, Proposal


def decide(situation: Situation, *, para1: float = 3.2, para2: str = "hello") -> Proposal:  # noqa: ARG001
    """Three actions in a row: nop, sleep, nop."""
    return Proposal(
        (
            Change("nop", {"message": para2}, "says that the plan has started", id="nop-before"),
            Change(
                "sleep",
                {"seconds": para1},
                f"waits {para1:g} s in between",
                id="sleep",
                needs=("nop-before",),
            ),
            Change("nop", {"message": para2}, "says that the plan is over", id="nop-after", needs=("sleep",)),
        ),
        f"Say {para2!r}, sleep {para1:g} s, say it again; nothing in the cloud changes.",
    )
