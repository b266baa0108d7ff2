"""Goals and how near the rows of a bench come to them: worst and median beside what was set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Goal:
    """What the `ratio` of every row of this goal shall be; a limit that is None is not set."""

    name: str
    says: str
    worst: float | None = None
    median: float | None = None
    better: str = "lower"  # lower | higher


@dataclass(frozen=True, slots=True)
class Verdict:
    goal: Goal
    rows: int
    worst: float
    median: float
    met: bool


def verdicts(goals: Iterable[Goal], rows: Sequence[Row]) -> list[Verdict]:
    """One per goal that has rows."""
    out = []
    for goal in goals:
        ratios = [row["ratio"] for row in rows if row["goal"] == goal.name]
        if ratios:
            worst = max(ratios) if goal.better == "lower" else min(ratios)
            middle = median(ratios)
            met = _keeps(goal, worst, goal.worst) and _keeps(goal, middle, goal.median)
            out.append(Verdict(goal, len(ratios), worst, middle, met))
    return out


def _keeps(goal: Goal, value: float, limit: float | None) -> bool:
    if limit is None:
        return True
    return value <= limit if goal.better == "lower" else value >= limit


def table(found: Sequence[Verdict]) -> str:
    """For a terminal: a line per goal."""
    lines = [f"{'goal':<14}{'rows':>5}{'worst':>9}{'goal':>8}{'median':>9}{'goal':>8}  met"]
    for one in found:
        goal = one.goal
        told = [f"{one.worst:>9.4g}", _limit(goal.worst), f"{one.median:>9.4g}", _limit(goal.median)]
        lines.append(
            f"{goal.name:<14}{one.rows:>5}{''.join(told)}  {'yes' if one.met else 'NO ':<4} {goal.says}"
        )
    return "\n".join(lines)


def _limit(limit: float | None) -> str:
    return f"{'-' if limit is None else f'{limit:g}':>8}"
