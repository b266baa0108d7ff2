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
    seeds: int
    worst: float
    median: float
    met: bool

    def row(self) -> Row:
        goal = self.goal
        limits = {"worst_goal": goal.worst, "median_goal": goal.median}
        told = {"verdict": goal.name, "says": goal.says, "rows": self.rows, "seeds": self.seeds}
        return {**told, "worst": self.worst, "median": self.median, **limits, "met": self.met}


def verdicts(goals: Iterable[Goal], rows: Sequence[Row]) -> list[Verdict]:
    """One per goal that has rows, P1 first."""
    out = []
    for goal in sorted(goals, key=lambda g: (g.name[0] != "P", g.name)):
        here = [row for row in rows if row.get("goal") == goal.name]
        if here:
            ratios = [row["ratio"] for row in here]
            worst = max(ratios) if goal.better == "lower" else min(ratios)
            middle = median(ratios)
            met = _keeps(goal, worst, goal.worst) and _keeps(goal, middle, goal.median)
            seeds = len({row.get("seed") for row in here})
            out.append(Verdict(goal, len(ratios), seeds, worst, middle, met))
    return out


def _keeps(goal: Goal, value: float, limit: float | None) -> bool:
    if limit is None:
        return True
    return value <= limit if goal.better == "lower" else value >= limit


def table(found: Sequence[Verdict]) -> str:
    """For a terminal: a line per goal."""
    width = max([len(one.goal.name) for one in found], default=4) + 2
    lines = [f"{'goal':<{width}}{'seeds':>5}{'rows':>6}{'worst':>9}{'goal':>8}{'median':>9}{'goal':>8}  met"]
    for one in found:
        goal, met = one.goal, "yes" if one.met else "NO"
        numbers = f"{one.worst:>9.4g}{_limit(goal.worst)}{one.median:>9.4g}{_limit(goal.median)}"
        lines.append(f"{goal.name:<{width}}{one.seeds:>5}{one.rows:>6}{numbers}  {met:<3}  {goal.says}")
    return "\n".join(lines)


def _limit(limit: float | None) -> str:
    return f"{'-' if limit is None else f'{limit:g}':>8}"


def last_line(found: Sequence[Verdict], failed: int) -> str:
    """What came of it in one sentence, with each goal that is not met."""
    missed = [f"{one.goal.name} ({_miss(one)})" for one in found if not one.met]
    said = f"{len(found) - len(missed)} of {len(found)} goals are met"
    said += f"; NOT met: {', '.join(missed)}" if missed else ""
    return said + (f"; {failed} measurements FAILED" if failed else "")


def _miss(one: Verdict) -> str:
    rows = (("worst", one.worst, one.goal.worst), ("median", one.median, one.goal.median))
    return ", ".join(
        f"{n} {v:.4g} for {g:g}" for n, v, g in rows if g is not None and not _keeps(one.goal, v, g)
    )
