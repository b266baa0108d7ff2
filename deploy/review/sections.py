"""The parts of a review page that are text and tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from activities.words import cost, count, quantity, size
from deploy.review.charts import anchor, gap_cell, load_cell
from deploy.review.content import Review, measured, rules
from deploy.review.load import Load, apart, called, metrics
from deploy.review.markup import Markup, tag
from deploy.review.schedule import Moment, clock
from plan_schemas.plan import Action, Bound

_ACTIONS, _REFUSALS, _HOSTS = 1000, 300, 300  # rows; `ballast explain` has the rest
_LONG = 30  # rows, above which a table scrolls by itself


def facts(review: Review) -> Markup:
    plan = review.plan
    rows: list[tuple[str, object]] = [
        ("cloud", plan.cloud),
        ("asked for by", plan.requested_by or "nobody said"),
        ("audit", plan.audit or "none: written by hand"),
        ("decided by", f"{plan.strategy} for {plan.goal}" if plan.strategy else "a person"),
        ("made at", plan.created_at or "not said"),
        ("rests on", _model(plan.model)),
        *measured(plan),
        ("digest", tag("code", plan.digest)),
    ]
    return tag("dl", ((tag("dt", name), tag("dd", said)) for name, said in rows), class_="facts")


def _model(model: Mapping[str, Any]) -> object:
    if not model:
        return "no picture of the cloud"
    return (
        "the picture of ",
        str(model.get("collected_at", "")),
        " ",
        tag("code", model.get("fingerprint", "")),
    )


def cards(review: Review) -> Markup:
    """The numbers that an operator asks for first."""
    plan = review.plan
    moves = sum(a.touches.into is not None for a in plan.actions)
    shown = [_counted(moves, "move"), _counted(len(plan.actions) - moves, "other action")]
    if review.seconds:
        shown.append((clock(review.seconds), "expected, if nothing else moves"))
    elif plan.actions and not plan.model:
        shown.append(("not known", "how long it takes"))
    copied = sum(a.numbers.get("copy_bytes", 0) for a in plan.actions)
    still = sum(a.numbers.get("downtime_seconds", 0) for a in plan.actions)
    shown += [(size(copied), "are copied")] if copied else []
    shown += [(clock(still), "of downtime, all servers together")] if still else []
    for name, value in review.forecast:
        if name != "instance_migrations_count":  # those are the moves
            shown.append((value, name.removesuffix("_count").replace("_", " ")))
    shown.append(_counted(len(plan.rejected), "refusal"))
    return tag("ul", (tag("li", tag("b", value), tag("span", word)) for value, word in shown), class_="cards")


def _counted(number: int, word: str) -> tuple[str, str]:
    return str(number), word if number == 1 else f"{word}s"


def bounds(rows: Iterable[Bound]) -> Markup:
    head = _head("what", ("forecast", "n"), ("best possible", "n"), ("gap", "n"), "")
    body = (
        tag(
            "tr",
            tag("th", one.name.removesuffix("_seconds").replace("_", " "), scope="row"),
            tag("td", quantity(one.name, float(one.value)), class_="n"),
            tag(
                "td",
                f"{'≥' if one.better == 'lower' else '≤'} {quantity(one.name, float(one.bound))}",
                class_="n",
            ),
            tag("td", one.distance, class_="n"),
            gap_cell(one),
        )
        for one in rows
    )
    return _table("How far the plan is from the best that is provably possible.", head, body)


def loads(review: Review) -> Iterator[Markup]:
    """The hosts that the plan changes, and behind a fold those that it leaves as they are."""
    changed = [row for row in review.loads if row.is_changed]
    others = [row for row in review.loads if not row.is_changed]
    if changed:
        said = "Hosts that the plan changes: the bar is after it, the mark before."
        yield _loads(review, changed[:_HOSTS], said)
    else:
        yield tag("p", "As far as this picture tells, no host has more or less to bear after the plan.")
    if said := apart(review.loads):
        yield tag("p", said, class_="dim")
    if len(changed) > _HOSTS:
        yield tag("p", f"and {len(changed) - _HOSTS} more hosts", class_="dim")
    if others:
        more = f", of which {_HOSTS} are shown" if len(others) > _HOSTS else ""
        said = f"{count(len(others), 'host stays as it is', 'hosts stay as they are')}{more}"
        yield tag("details", tag("summary", said), _loads(review, others[:_HOSTS], said))


def _loads(review: Review, rows: list[Load], caption: str) -> Markup:
    measured = metrics(review.loads)
    head = _head("host", ("instances", "n"), *map(called, review.classes), *measured)
    body = (
        tag(
            "tr",
            tag("th", tag("bdi", row.host), _closed(row), scope="row"),
            tag("td", _change(*row.instances), class_="n", data_l="instances"),
            (load_cell(row.allocated.get(name), called(name)) for name in review.classes),
            (load_cell(row.measured.get(name), name) for name in measured),
        )
        for row in rows
    )
    return _table(caption, head, body, class_="loads")


def _closed(row: Load) -> Markup | None:
    word = {(False, True): "closed by the plan", (True, False): "opened by the plan", (True, True): "closed"}
    said = word.get(row.closed)
    return tag("span", " ", tag("span", said, class_="tagged")) if said else None


def _change(before: int, after: int) -> str:
    return str(before) if before == after else f"{before} → {after}"


def actions(review: Review) -> Iterator[Markup]:
    """Every action with its time, its reason, its numbers and what it was not."""
    when = {m.action.id: m for m in review.moments}
    head = _head("action", "what", ("starts", "n"), ("takes", "n"), "why")
    shown = review.plan.actions[:_ACTIONS]
    body = (_action(review, one, when.get(one.id)) for one in shown)
    yield from (tag("p", tag("b", name), f": {said}", class_="dim") for name, said in review.does)
    yield _table("In the order of the plan; needs and space decide what waits.", head, body, class_="acts")
    if len(review.plan.actions) > _ACTIONS:
        more = f"and {len(review.plan.actions) - _ACTIONS} more actions; `ballast explain` has all"
        yield tag("p", more, class_="dim")


def _action(review: Review, one: Action, moment: Moment | None) -> Markup:
    return tag(
        "tr",
        tag("th", tag("span", one.id, class_="mono"), scope="row"),
        tag("td", _what(review, one)),
        tag("td", review.starts(moment), class_="n", data_l="starts"),
        tag("td", review.takes(one), _price(one), class_="n", data_l="takes"),
        tag("td", one.reason, _more(one)),
        id=anchor(one.id),
    )


def _price(one: Action) -> list[Markup]:
    """What it costs beside its time, a line each."""
    return [tag("div", said, class_="dim small") for said in cost(one.numbers).split(", ") if said]


def _what(review: Review, one: Action) -> object:
    touches = one.touches
    if touches.out is not None and touches.into is not None:
        kind = str(one.parameters.get("kind", one.type))
        ends = (tag("bdi", touches.out), " → ", tag("bdi", touches.into))
        return (kind, " ", tag("bdi", tag("b", review.name(one))), " ", ends)
    if touches.service is not None:
        return (str(touches.sets).removesuffix("d"), " ", tag("bdi", tag("b", touches.service)))
    if touches.instance is not None:
        more = (f" {k} {v}" for k, v in one.parameters.items() if k != "instance")
        return (one.type, " ", tag("bdi", tag("b", review.name(one))), *more)
    return (one.type, *(f" {k} {v}" for k, v in one.parameters.items()))


def _more(one: Action) -> Markup | None:
    rows = list(_details(one))
    if not rows:
        return None
    return tag("details", tag("summary", "numbers and alternatives"), tag("ul", rows, class_="plain"))


def _details(one: Action) -> Iterator[Markup]:
    for name, value in one.numbers.items():
        yield tag("li", f"{name.replace('_', ' ')}: {quantity(name, value)}")
    if one.needs:
        yield tag("li", f"needs {', '.join(one.needs)}")
    if one.freed_by:
        yield tag("li", f"takes the space that {', '.join(one.freed_by)} makes")
    for other in one.alternatives:
        yield tag(
            "li",
            "not ",
            tag("bdi", other.subject),
            " ",
            tag("span", other.code, class_="tagged"),
            f" {other.text}",
        )


def refusals(review: Review) -> Iterator[Markup]:
    rows = review.plan.rejected
    body = (
        tag(
            "tr",
            tag("td", tag("span", one.code, class_="tagged")),
            tag("td", _subject(review, one.subject)),
            tag("td", one.text),
        )
        for one in rows[:_REFUSALS]
    )
    yield _table(
        "What the plan does not do, and the rule or number that decided.", _head("rule", "about", "why"), body
    )
    if len(rows) > _REFUSALS:
        yield tag("p", f"and {len(rows) - _REFUSALS} more; `ballast explain` has all", class_="dim")


def _subject(review: Review, of: str) -> Iterator[Markup]:
    """By its name, and for a server its uuid below: names are anything but unique."""
    yield tag("bdi", review.names.get(of, of))
    if of in review.names:
        yield tag("div", of, class_="dim small mono")


def in_force(review: Review) -> Markup:
    return tag("dl", ((tag("dt", k), tag("dd", v)) for k, v in rules(review.plan)), class_="facts")


def _head(*names: str | tuple[str, str]) -> Markup:
    cells = (
        tag("th", n, scope="col") if isinstance(n, str) else tag("th", n[0], scope="col", class_=n[1])
        for n in names
    )
    return tag("thead", tag("tr", cells))


def _table(caption: str, head: Markup, body: Iterable[Markup], **more: object) -> Markup:
    rows = list(body)
    kind = "wide tall" if len(rows) > _LONG else "wide"
    table = tag("table", tag("caption", caption), head, tag("tbody", rows), **more)
    return tag("div", table, class_=kind, role="group", aria_label=caption, tabindex="0")
