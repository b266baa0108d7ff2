"""Everything that is held against one audited and executed plan on the devcloud, and its figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from openstack.connection import Connection

from activities import strategies
from activities.planner import plan as planner
from plan_schemas import admit, catalog
from plan_schemas.audit import Situation
from plan_schemas.model import from_document
from tests import judge
from tests.devcloud import records
from tests.devcloud.chronicle import Chronicle
from tests.judge.timeline import timeline

Row = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """An audit that has ended, with all that it and the cloud say about it."""

    audit: Row
    report: Row
    plan: Row
    outcomes: Row
    before: Row
    after: Row
    began: datetime
    migrations: list[Row]
    audit_history: Chronicle
    plan_history: Chronicle

    @property
    def moves(self) -> list[Row]:
        return [action for action in self.plan["actions"] if action["type"] == "migrate"]

    @property
    def taken_over(self) -> int:
        """Moves that a worker finished which had not begun them."""
        return sum(step.attempt > 1 for step in self.plan_history.of("act"))


def model(store: Path, ref: str) -> Row:
    """A snapshot out of the worker's store."""
    return dict(json.loads((store / ref[:2] / f"{ref}.json").read_text()))


def wrong(run: Run, nova: Connection) -> Iterator[str]:
    """What is not as it must be, one line each."""
    states = {one["state"] for one in run.outcomes.values()}
    if run.report["plan_state"] != "SUCCEEDED" or states != {"SUCCEEDED"}:
        yield f"the plan ended {run.report['plan_state']}: {run.report['sentence']}"
    for name, promised in run.report["forecast"].items():
        measured = run.report["measured"].get(name)
        if measured != promised:
            yield f"{name}: forecast {promised:g}, measured {measured}"
    asked = records.requests(nova, [a["parameters"]["instance"] for a in run.moves], run.began)
    yield from records.doubled_or_missing(run.moves, run.migrations, asked)
    for name, found in violations(run).items():
        yield from (f"{name}: {one.rule} {one.moment}: {one.text}" for one in found)


def violations(run: Run) -> dict[str, list[judge.Violation]]:
    """The independent judge on the plan, on every moment of its execution, and on what came of it."""
    return {
        "the plan at any moment it allows": judge.plan(run.before, run.plan, audit=run.audit),
        "the run at every moment": timeline(run.before, records.stays(run.migrations)),
        "the end": judge.run(run.before, run.after, run.plan, run.outcomes),
    }


def figures(run: Run) -> Iterator[tuple[str, str]]:
    """What was measured, by name."""
    first, second = run.audit_history.of("cloud.observe")
    yield "hosts, servers", f"{len(run.before['hosts'])}, {len(run.before['instances'])}"
    yield "snapshot", f"{first.seconds:.1f} s, {second.seconds:.1f} s when measured again"
    decision, planning = _again(run)
    whole = run.audit_history.of("audit.decide")[0].seconds
    yield "decision, plan", f"{decision:.2f} s, {planning:.2f} s (as one activity {whole:.2f} s)"
    yield "execution", f"{run.plan_history.seconds:.0f} s, {run.plan_history.runs} runs of the workflow"
    yield "actions", f"{len(run.plan['actions'])}, of which {len(run.moves)} migrations"
    for row in run.plan.get("bounds", ()):
        yield f"bound of {row['name']}", f"{row['bound']:g}, planned {row['value']:g}"
    for name, promised in run.report["forecast"].items():
        yield name, f"forecast {promised:g}, measured {run.report['measured'].get(name, float('nan')):g}"
    yield "migrations in os-migrations", str(len(run.migrations))
    yield "rule violations", ", ".join(f"{len(v)} ({k})" for k, v in violations(run).items())


def _again(run: Run) -> tuple[float, float]:
    """Seconds that the decision and the plan take, each by itself, on the same model."""
    known = catalog.load()
    audit, cluster = admit.audit(run.audit, known), from_document(run.before)
    rules = audit.scope.rules(cluster, audit.execution.allow)
    began = perf_counter()
    proposal = strategies.find(audit.strategy).decide(Situation(cluster, rules), **dict(audit.parameters))
    decided = perf_counter()
    planner.make(audit, cluster, rules, proposal, known, created_at=cluster.collected_at)
    return decided - began, perf_counter() - decided
