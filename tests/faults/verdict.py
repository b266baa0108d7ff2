"""What came of a run, by the simulator's journal and the cloud in the end; the plan's word is judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from tests.faults.kinds import about
from tests.faults.pens import Row
from tests.faults.run import ACTION, Run
from tests.faults.troubles import HELD, PATIENT


@dataclass
class Verdict:
    """Each list says in words what must not be."""

    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    hanging: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        return [*self.doubled, *self.lost, *self.hanging, *self.untrue]


def is_doubled(run: Run, journal: list[Row]) -> bool:
    return sum(map(run.known.asks, about(run.known, journal[run.since :]))) > 1


def judge(run: Run, journal: list[Row], state: Row) -> Verdict:
    """Once asked for, its effect there, an end in time, and that end true."""
    verdict, deed = Verdict(), run.known
    lines = list(about(deed, journal[run.since :]))
    there, back = [x for x in lines if deed.asks(x)], [x for x in lines if deed.undoes(x)]
    helping = [line for line in lines if deed.helps(line)]
    if len(there) > 1 or len(back) > (1 if run.undoes else 0):
        verdict.doubled.append(f"asked for {len(there)} times, undone {len(back)} times")
    if len(helping) > len(there) + len(back) or len(lines) > len(there) + len(back) + len(helping):
        verdict.doubled.append(f"{len(lines)} accepted changes in all")
    stands = deed.stands(state)
    wanted = deed.before if run.undoes else deed.after
    if not run.report and not verdict.doubled:
        verdict.hanging.append(f"has not ended; it stands at {_words(stands)}")
    elif not there or (run.undoes and not back):
        verdict.lost.append(f"asked for {len(there)} times, undone {len(back)} times: {_said(run)}")
    elif stands != wanted:
        verdict.lost.append(f"is {_words(stands)}, not {_words(wanted)}: {_said(run)}")
    verdict.untrue += _untrue(run, stands)
    return verdict


def _untrue(run: Run, stands: object) -> Iterator[str]:
    """Where the plan's end says something else than the cloud."""
    deed, state = run.known, run.report.get("state")
    counts, left = run.report.get("counts", {}), " ".join(run.report.get("unfinished", ()))
    if state == "SUCCEEDED":
        if stands != deed.after or counts != {"SUCCEEDED": 1}:
            yield f"SUCCEEDED with {counts}, and is {_words(stands)}"
    elif state == "ROLLED_BACK":
        if stands != deed.before or (run.undoes and counts != {"REVERTED": 1, "FAILED": 1}):
            yield f"ROLLED_BACK with {counts}, and is {_words(stands)}"
    elif state == "ROLLBACK_INCOMPLETE":
        if (f"{ACTION} " in left) != (stands != deed.before):
            yield f"ROLLBACK_INCOMPLETE names {left!r}, and it is {_words(stands)}"
    elif state is not None and (f"{ACTION} " not in left or stands == deed.after):
        yield f"{state} names {left!r}, and it is {_words(stands)}"


def _words(stands: object) -> str:
    return ", ".join(str(part) for part in stands) if isinstance(stands, tuple) else str(stands)


def _said(run: Run) -> str:
    """The end of a sentence tells most: what is not undone, and why."""
    sentence = str(run.report.get("sentence"))
    return f"{run.report.get('state')}: {sentence if len(sentence) < 200 else '… ' + sentence[-200:]}"


def reached(run: Run, journal: list[Row]) -> bool:
    """Whether the fault struck in its moment."""
    trap = run.faults[0]
    later = journal[run.since :]
    struck = [line for line in later if trap in line.get("faults", ())]
    if run.cell.trouble.victim is None:
        return bool(struck)
    if run.cell.trouble.burst and not any(run.faults[-1] in line.get("faults", ()) for line in later):
        return False
    held = [_wall(line) for line in struck if line["event"] == "held"]
    if not held or not run.killed:
        return False
    # A write is given up with the heartbeat: then another attempt may have gone on already.
    longest = HELD if run.trap.reads else 0.85 * PATIENT
    busy = run.trap.busy is not True or _is_busy(run)
    return busy and 0 < run.killed - held[0] < longest


def _is_busy(run: Run) -> bool:
    """Whether its server was still on its way when somebody died."""
    return run.then["instances"][run.known.thing["instance"]]["task_state"] is not None


def _wall(line: Row) -> float:
    return datetime.fromisoformat(line["wall_time"]).timestamp()
