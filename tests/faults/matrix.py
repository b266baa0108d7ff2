"""All cells, how often each was tried, and what was found."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.faults.batch import Bench, carry_out
from tests.faults.kinds import kinds
from tests.faults.moments import Moment
from tests.faults.run import Cell, Run
from tests.faults.troubles import TROUBLES, Trouble
from tests.faults.verdict import Verdict, judge, reached

MOST_TRIES = 4  # of a run whose moment was missed
AT_ONCE = 36  # runs; for those that wait for each other before a kill
TOGETHER = 14


def cells(only: str = "", moment: str = "", kind: str = "") -> list[Cell]:
    """All that apply, of faults, moments and kinds of action whose names begin so."""
    return [
        Cell(trouble, when, one)
        for trouble in TROUBLES
        for when in Moment
        for one in kinds()
        if trouble.name.startswith(only) and when.startswith(moment) and one.name.startswith(kind)
        if trouble.traps(one, when)
    ]


@dataclass
class Tally:
    """What came of all runs."""

    cells: Sequence[Cell]
    made: Counter[Cell] = field(default_factory=Counter)
    wrong: dict[Cell, list[str]] = field(default_factory=lambda: defaultdict(list))
    counts: Counter[str] = field(default_factory=Counter)
    missed: int = 0

    def add(self, run: Run, verdict: Verdict, *, reached: bool) -> None:
        """A wrong ending counts whether or not the moment was the wanted one."""
        self.made[run.cell] += reached
        self.missed += not reached
        for name in ("doubled", "lost", "hanging", "untrue"):
            self.counts[name] += bool(getattr(verdict, name))
        self.note(run, verdict.wrong)

    def note(self, run: Run, said: Sequence[str]) -> None:
        self.wrong[run.cell] += [f"{run.cell} ({run.plan}, {run.trap.name}): {text}" for text in said]

    def tables(self) -> str:
        """One table per kind of action: faults down, moments across, runs in each cell."""
        return "\n\n".join(self._table(kind.name) for kind in kinds())

    def _table(self, kind: str) -> str:
        rows = [f"{kind:<20}" + "".join(f"{moment:>22}" for moment in Moment)]
        for trouble in dict.fromkeys(cell.trouble for cell in self.cells):
            fields = (self._field(trouble, moment, kind) for moment in Moment)
            rows.append(f"{trouble.name:<20}" + "".join(f"{text:>22}" for text in fields))
        return "\n".join(rows)

    def _field(self, trouble: Trouble, moment: Moment, kind: str) -> str:
        found = [c for c in self.cells if (c.trouble, c.moment, c.kind.name) == (trouble, moment, kind)]
        if not found:
            return "-"
        wrong = len(self.wrong[found[0]])
        return f"{self.made[found[0]]}" + (f" ({wrong} wrong)" if wrong else "")

    def totals(self) -> str:
        c = self.counts
        return (
            f"{sum(self.made.values())} runs, {len(self.cells)} cells: {c['doubled']} doubled, "
            f"{c['lost']} lost, {c['hanging']} hanging, {c['untrue']} untrue, {c['unreached']} unreached"
        )

    @property
    def failed(self) -> bool:
        return any(self.wrong.values()) or sum(self.made.values()) == 0


async def try_out(bench: Bench, chosen: Sequence[Cell], each: int) -> Tally:
    """So many runs in each cell, and at least one for every way to its moment; a run whose moment was missed
    is tried again in the same way, and says so in the end."""
    tally = Tally(chosen)
    for trouble in dict.fromkeys(cell.trouble for cell in chosen):
        due = runs([cell for cell in chosen if cell.trouble is trouble], each)
        size = TOGETHER if trouble.victim else AT_ONCE
        while due:  # ways back take longer to their moments than ways there, and keep to themselves
            batch = [run for run in due if run.undoes == due[0].undoes][:size]
            due = [run for run in due if run not in batch]
            due += await _batch(bench, batch, tally)
    return tally


def runs(chosen: Sequence[Cell], each: int) -> list[Run]:
    """The first of every cell, then the second of every cell, and so on."""
    times = {cell: max(each, len(cell.ways)) for cell in chosen}
    most = max(times.values(), default=0)
    return [Run(cell, nth) for nth in range(most) for cell in chosen if nth < times[cell]]


async def _batch(bench: Bench, batch: Sequence[Run], tally: Tally) -> list[Run]:
    """One batch to its end; answers the runs that missed their moments and may be tried again."""
    await carry_out(bench, batch)
    journal, state = bench.journal(), bench.state()
    again = []
    for run in batch:
        hit = reached(run, journal)
        tally.add(run, judge(run, journal, state), reached=hit)
        if hit:
            continue
        run.tries += 1
        if run.tries < MOST_TRIES:
            again.append(run)
        else:
            tally.counts["unreached"] += 1
            tally.note(run, [f"its moment was missed {run.tries} times"])
    _show(batch, tally, len(again))
    return again


def _show(batch: Sequence[Run], tally: Tally, again: int) -> None:
    name, made = batch[0].cell.trouble.name, sum(tally.made.values())
    late = f", {again} missed their moment and are drawn again" if again else ""
    print(f"{name:<20} {len(batch):>3} runs{late}; {made} so far", flush=True)
    for run in batch:
        for said in tally.wrong[run.cell]:
            if f"({run.plan}," in said:
                print(f"  WRONG {said}", flush=True)
