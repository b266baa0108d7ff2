"""The page: whole in itself, unbreakable by names, true to the plan, and not too large."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities import complete
from activities.decide import plan_for
from activities.planner.inverse import undo_plan
from activities.words import cost
from deploy.review import terminal
from deploy.review.content import review
from deploy.review.markup import printable
from deploy.review.page import html
from deploy.review.schedule import clock
from plan_schemas import admit
from plan_schemas import plan as plans
from plan_schemas.catalog import load
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Cluster
from plan_schemas.plan import Plan
from tests import worlds
from tests.bench import clouds
from tests.review.reading import Page

ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "a", "header", "nav", "main", "footer", "section"),
    *(
        "h1",
        "h2",
        "p",
        "pre",
        "code",
        "ul",
        "li",
        "dl",
        "dt",
        "dd",
        "b",
        "i",
        "bdi",
        "span",
        "div",
        "details",
    ),
    *("summary", "table", "caption", "thead", "tbody", "tr", "th", "td", "figure", "figcaption"),
    *("svg", "text", "rect", "line"),
}
HOSTILE = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            "</style><img src=x onerror=alert(1)>",
            '" onmouseover="alert(1)',
            "' style='x",
            "&lt;b&gt;",
            "\x1b[31mred\x1b[0m",
            "abc\u202egnp.exe",
            "]]><!--",
        ]
    ),
)


def consolidated(cluster: Cluster, **parameters: int) -> Plan | None:
    """The plan that frees hosts of a cloud."""
    document = {
        "ballast": "v1",
        "kind": "Audit",
        "name": "free-hosts",
        "cloud": cluster.cloud,
        "strategy": "vm_workload_consolidation",
        "parameters": parameters,
        "max_uncertain": 100,
    }
    return plan_for(admit.audit(document, load()), cluster, load()).plan


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds.clusters(min_hosts=4), st.lists(HOSTILE, min_size=4, max_size=4))
def test_whatever_servers_are_called_it_is_text(cluster: Cluster, names: list[str]) -> None:
    """No name, reason or host makes an element, an attribute or a control character; all of it is shown."""
    plan = consolidated(cluster)
    if plan is None:
        return
    called = {u: replace(i, name=names[n % 4]) for n, (u, i) in enumerate(cluster.instances.items())}
    plan = replace(plan, reason=names[0], requested_by=names[1], name=names[2])
    actions = tuple(replace(a, reason=f"{names[3]} {a.reason}") for a in plan.actions)
    shown = review(
        replace(plan, actions=actions),
        replace(cluster, instances=FrozenDict(called)),
        id=names[2],
        known=load(),
    )
    text = html(shown)
    page = Page(text)
    assert {name for name, _ in page.elements} <= ELEMENTS
    for _, given_attributes in page.elements:
        assert not any(name.startswith("on") or name == "src" for name in given_attributes)
        assert (given_attributes.get("href") or "#").startswith("#")
    for action in actions:
        assert printable(action.reason) in page.text
    told = "\n".join(terminal.told(shown, whole=True))
    assert told == printable(told)
    assert printable(text) == text


def test_nothing_outside_is_needed() -> None:
    """No address, no script, no import, and a policy that forbids a browser to ask for anything."""
    cluster = clouds.cloud(8, seed=3, fill=(0.3, 0.6))
    plan = consolidated(cluster)
    assert plan is not None
    text = html(review(plan, cluster, known=load()))
    for word in ("http:", "https:", "//", "<script", "@import", "url(", "<link", "<img"):
        assert word not in text
    assert "default-src &#x27;none&#x27;" in text


def test_all_that_a_plan_says_is_on_the_page() -> None:
    """Every action with its reason and numbers, every refusal, bound, rule, digest, and who asked."""
    cluster = clouds.cloud(8, seed=3, fill=(0.3, 0.6))
    plan = consolidated(cluster)
    assert plan is not None
    usage = {"at": "2026-01-01T00:00:00Z", "source": "prom", "assumed": ("vm-1 counts as idle",)}
    plan = replace(plan, requested_by="eve", model=FrozenDict({**plan.model, "usage": FrozenDict(usage)}))
    shown = review(plan, cluster, clouds.usage(cluster, 3), id="plan/audit/free-hosts", known=load())
    text = Page(html(shown)).text
    assert f"migrate: {load().actions['migrate'].summary}" in text
    for action in plan.actions:
        assert action.id in text
        assert action.reason in text
        assert all(name.replace("_", " ") in text for name in action.numbers)
        assert cost(action.numbers).replace(", ", "") in text
    for refusal in plan.rejected:
        assert refusal.text in text
    for bound in plan.bounds:
        assert bound.distance in text
    assert f"--digest {plan.digest}" in text
    for said in ("asked for byeve", "until 2026-01-01T00:00:00Z, by prom", "vm-1 counts as idle"):
        assert said in text
    assert "CPU measured" in text
    assert "1 out and 2 in" in text


def test_what_is_forecast_is_told_with_its_unit_and_no_more_digits_than_matter() -> None:
    """A deviation is points, with four digits; a count is whole; the terminal says the same."""
    cluster = clouds.cloud(8, seed=3, fill=(0.3, 0.6))
    plan = consolidated(cluster)
    assert plan is not None
    said = {"standard_deviation_cpu_after_audit": 3.86503, "instances_count": 123456.0, "share": 1234.56}
    shown = review(replace(plan, forecast=FrozenDict(said)), cluster, known=load())
    text, told = Page(html(shown)).text, list(terminal.told(shown))
    for card in ("3.865 pointsstandard deviation cpu after audit", "123456instances", "1235share"):
        assert card in text
    assert "forecast standard_deviation_cpu_after_audit 3.865 points" in told
    assert "forecast instances_count 123456" in told


def test_five_hundred_moves_stay_below_a_megabyte() -> None:
    """A plan of 500 moves on 120 hosts, measured load and all."""
    cluster = clouds.cloud(120, seed=3, fill=(0.3, 0.6))
    plan = consolidated(cluster, max_moves=500)
    assert plan is not None
    assert sum(a.touches.into is not None for a in plan.actions) >= 450
    text = html(review(plan, cluster, clouds.usage(cluster, 3), id="plan/audit/free-hosts", known=load()))
    print(f"{len(plan.actions)} actions, {len(text.encode()):,} bytes")
    assert len(text.encode()) < 1_000_000


def test_a_plan_by_hand_says_what_is_not_known_of_it() -> None:
    """How long it takes, which is not no time; and that no host bears more, in place of an empty table."""
    cluster = clouds.cloud(8, seed=3, fill=(0.3, 0.6))
    uuid = next(iter(cluster.instances))
    action = {"id": "up", "type": "resize", "parameters": {"instance": uuid, "flavor": "m1"}, "reason": "x"}
    head = {"ballast": "v1", "kind": "ActionPlan", "cloud": cluster.cloud}
    row = admit.plan({**head, "actions": [action]}, load(), name="by-hand", created_at="")
    plan = plans.from_document({**row, "actions": [complete.touching(a) for a in row["actions"]]})
    shown = review(plan, cluster, known=load())
    text = Page(html(shown)).text
    assert "not knownhow long it takes" in text
    assert "0 s" not in text
    assert "no host has more or less to bear" in text
    assert "Nova chooses the host" in text
    assert "  not known  " in "\n".join(terminal.told(shown))


def test_a_plan_that_is_too_large_to_be_drawn_says_how_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the plan itself forecasts; when each action starts nobody has reckoned, which is not never."""
    cluster = clouds.cloud(8, seed=3, fill=(0.3, 0.6))
    plan = consolidated(cluster)
    assert plan is not None
    (forecast,) = (b.value for b in plan.bounds if b.name == "makespan_seconds")
    monkeypatch.setattr("deploy.review.content.DRAWN", len(plan.actions) - 1)
    shown = review(plan, cluster, known=load())
    text = Page(html(shown)).text
    assert not shown.moments
    assert f"{clock(forecast)}expected, if nothing else moves" in text
    assert "never" not in text
    assert "not drawn" in text
    empty = Page(html(review(replace(plan, actions=()), cluster, known=load()))).text
    assert "how long it takes" not in empty


@pytest.mark.parametrize("picture", [True, False])
def test_a_plan_without_its_picture_says_so(picture: bool) -> None:
    """The loads need the picture; where it is not at hand the page tells, and has the rest."""
    cluster = clouds.cloud(8, seed=3, fill=(0.3, 0.6))
    plan = consolidated(cluster)
    assert plan is not None
    text = Page(html(review(plan, cluster if picture else None, known=load()))).text
    assert ("was not at hand" in text) is not picture
    assert plan.actions[0].reason in text


def test_a_plan_that_undoes_another_has_no_loads_of_it() -> None:
    """The picture of the plan that is undone is not what its undo starts from: the page says so."""
    cluster = clouds.cloud(8, seed=3, fill=(0.3, 0.6))
    plan = consolidated(cluster)
    assert plan is not None
    back = undo_plan(plan, [a.id for a in plan.actions], reason="undone").plan
    assert back is not None
    text = Page(html(review(back, cluster, known=load()))).text
    assert "is not what this plan starts from" in text
    assert back.actions[0].id in text
