"""The loads of a review are those that the strategy reckoned with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from activities.decide import plan_for
from deploy.review import terminal
from deploy.review.content import Review, review
from deploy.review.load import Span, metrics
from deploy.review.page import html
from plan_schemas import admit
from plan_schemas.catalog import load
from plan_schemas.frozen import FrozenDict
from plan_schemas.plan import Plan
from tests.bench import clouds
from tests.review.reading import Page

CLOUD = clouds.cloud(12, seed=5)
USAGE = clouds.usage(CLOUD, 5)
OF_INSTANCES = {
    m: replace(USAGE, values=FrozenDict({m: USAGE.values[m]}))
    for m in ("instance_cpu_usage", "instance_ram_usage")
}


def relieved(metric: str, threshold: float) -> tuple[Plan, Review]:
    """A plan that was decided on nothing but what instances use, with its review."""
    audit = {
        "ballast": "v1",
        "kind": "Audit",
        "name": "relieve",
        "cloud": CLOUD.cloud,
        "strategy": "workload_balance",
        "parameters": {"metrics": metric, "threshold": threshold},
    }
    usage = OF_INSTANCES[metric]
    plan = plan_for(admit.audit(audit, load()), CLOUD, load(), usage=usage).plan
    assert plan is not None
    return plan, review(plan, CLOUD, usage, known=load())


@pytest.mark.parametrize(("metric", "word", "threshold"), [("cpu", "CPU", 22), ("ram", "RAM", 42)])
def test_the_review_has_the_load_that_the_plan_was_decided_on(
    metric: str, word: str, threshold: float
) -> None:
    """Without a metric of hosts: every host that only gives or only takes has the load of the moves' numbers
    before the first and after the last of them, and its row stands on the page and on the terminal."""
    plan, shown = relieved(f"instance_{metric}_usage", threshold)
    given: dict[str, list[tuple[float, float]]] = {}
    taken: dict[str, list[tuple[float, float]]] = {}
    for action in plan.actions:
        row = action.numbers[metric]
        out, into = action.touches.out, action.touches.into
        assert out is not None
        assert into is not None
        given.setdefault(out, []).append((row["source_before"], row["source_after"]))
        taken.setdefault(into, []).append((row["destination_before"], row["destination_after"]))
    loads = {row.host: row.measured[f"{word} of its instances"] for row in shown.loads}
    assert metrics(shown.loads) == (f"{word} of its instances",)
    assert given.keys() - taken.keys()
    for host in given.keys() - taken.keys():
        assert loads[host].before == pytest.approx(max(b for b, _ in given[host]), abs=0.01)
        assert loads[host].after == pytest.approx(min(a for _, a in given[host]), abs=0.01)
    for host in taken.keys() - given.keys():
        assert loads[host].before == pytest.approx(min(b for b, _ in taken[host]), abs=0.01)
        assert loads[host].after == pytest.approx(max(a for _, a in taken[host]), abs=0.01)
    text, told = Page(html(shown)).text, "\n".join(terminal.told(shown, whole=True))
    for host in given:
        assert loads[host].said() in text
        assert loads[host].said() in told
    assert "the whole host" not in text + told


def test_what_is_of_the_host_and_what_of_its_instances_is_told_apart() -> None:
    """A host that uses something beside its instances has two numbers, and a line says which one decides."""
    plan, _ = relieved("instance_cpu_usage", 22)
    more = {host: share + 5 for host, share in USAGE.values["host_cpu_usage"].items()}
    usage = replace(USAGE, values=FrozenDict({**USAGE.values, "host_cpu_usage": FrozenDict(more)}))
    shown = review(plan, CLOUD, usage, known=load())
    for row in shown.loads:
        whole, own = row.measured["CPU measured"], row.measured["CPU of its instances"]
        assert whole.before - own.before == pytest.approx(5, abs=0.01)
        assert whole.after - own.after == pytest.approx(5, abs=0.01)
    for text in (Page(html(shown)).text, "\n".join(terminal.told(shown))):
        assert "CPU and RAM measured: the whole host" in text
        assert "by which a strategy decides that measures nothing else" in text


def test_a_span_reads_as_the_reasons_of_a_plan_do() -> None:
    """With their digits; one number where both ends read the same, unless both are wanted."""
    assert Span(50.52, 29.81, digits=1).said() == "50.5 → 29.8 %"
    assert Span(50.52, 29.81).said() == "51 → 30 %"
    assert Span(50.52, 50.81).said() == "51 %"
    assert Span(50.52, 50.81).said(alike=True) == "51 → 51 %"
