"""Changes nothing in the cloud: says something, sleeps, says something; for trying out the machinery."""

from __future__ import annotations

from plan_schemas.audit import Situation
from plan_schemas.plan import Change, Proposal


def decide(situation: Situation, *, message: str = "hello", seconds: float = 1.0) -> Proposal:  # noqa: ARG001
    """Three actions in a row: nop, sleep, nop."""
    return Proposal(
        (
            Change("nop", {"message": message}, "says that the plan has started", id="nop-before"),
            Change(
                "sleep",
                {"seconds": seconds},
                f"waits {seconds:g} s in between",
                id="sleep",
                needs=("nop-before",),
            ),
            Change(
                "nop", {"message": message}, "says that the plan is over", id="nop-after", needs=("sleep",)
            ),
        ),
        f"Say {message!r}, sleep {seconds:g} s, say it again; nothing in the cloud changes.",
    )
