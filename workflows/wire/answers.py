"""What activities answer to workflows (workflows/calls.py), as it crosses the wire."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict  # pydantic demands this one below Python 3.12

Document = dict[str, Any]


class Snapshot(TypedDict):
    """A collected model, by reference."""

    ref: str
    fingerprint: str
    collected_at: str
    hosts: int
    instances: int
    told: str  # when it was taken, and whether it was there already


class Measured(TypedDict):
    """What was measured of a snapshot's hosts and instances, by reference."""

    ref: str
    at: str
    told: str  # what, by whom and when


class Result(TypedDict):
    """The indicators of a goal after a plan, and a sentence for each thing that is not as it was wanted."""

    values: dict[str, float]
    told: list[str]


class Decision(TypedDict):
    """The effective plan, absent when there is nothing to do; why, in one sentence."""

    plan: Document | None
    summary: str


class Ending(TypedDict):
    """How an action ended that did not fail: outcome is done, skipped (with a cause) or cancelled."""

    outcome: str
    cause: str | None
    why: str
    evidence: Document


class Holder(TypedDict):
    """A plan as Temporal knows it; `busy` while it carries anything out."""

    state: str
    run: str
    busy: bool


class Holders(TypedDict):
    """The plans that run, and those that lately ended without a word; seconds since the last of them did."""

    running: list[str]
    lost: list[str]
    quiet: float


class Moving(TypedDict):
    """Of some instances those that are not at rest; and all moves of our own user `{instance, out, in}`."""

    moving: list[str]
    moves: list[dict[str, str]]


class Openings(TypedDict):
    """Spans of time `[from, until]` in which windows are open, as far as `until`."""

    open: list[list[str]]
    until: str


class Remains(TypedDict):
    """What terminated plans left, a sentence each, and the plan that puts right what is safe to put right."""

    told: list[str]
    plan: Document | None


class Undo(TypedDict):
    """The inverse plan, what cannot be undone and why, and what changed since (refusals)."""

    plan: Document | None
    leftovers: list[str]
    changed: list[str]
