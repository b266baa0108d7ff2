"""The review of a plan as one page of HTML, with nothing outside it: no script, no network."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from deploy.review import charts, sections
from deploy.review.content import DRAWN, Review
from deploy.review.load import called
from deploy.review.markup import Markup, joined, raw, tag

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html(review: Review) -> str:
    plan = review.plan
    style = files("deploy.review").joinpath("style.css").read_text(encoding="utf-8")
    parts = list(_parts(review))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"Review of {review.id or plan.name}"),
        tag("style", raw(style)),
    )
    links = (tag("li", tag("a", title, href=f"#{id}")) for id, title, _ in parts)
    body = tag(
        "body",
        tag("a", "to the plan", href="#content", class_="skip"),
        tag("header", _heading(review)),
        tag("nav", tag("ul", links), aria_label="parts of this page"),
        tag("main", (_section(*part) for part in parts), id="content"),
        tag("footer", f"Plan {plan.name} · {plan.digest} · this page is a copy: the plan itself decides"),
    )
    return joined([raw("<!doctype html>\n"), tag("html", head, body, lang="en")])


def _heading(review: Review) -> Iterator[Markup]:
    plan = review.plan
    yield tag("h1", tag("bdi", review.id or plan.name), " on ", tag("bdi", plan.cloud))
    yield tag("p", plan.reason or "No reason was given for the plan as a whole.", class_="lead")
    yield sections.cards(review)
    yield sections.facts(review)
    if review.id:
        said = f"ballast approve {review.id} --by NAME --reason TEXT --digest {plan.digest}"
        yield tag("p", "To let exactly this plan run:")
        yield tag("pre", tag("code", said))
    for sentence in plan.irreversible:
        yield tag("p", tag("b", "Cannot be undone: "), sentence)


def _parts(review: Review) -> Iterator[tuple[str, str, object]]:
    plan = review.plan
    if plan.bounds:
        yield "bounds", "Distance from the best", sections.bounds(plan.bounds)
    yield "load", "Load of the hosts", list(_load(review))
    if review.moments and not review.seconds:
        said = "How long the actions take is not known: it was not said, as in a plan by hand."
        yield "schedule", "Schedule", tag("p", said)
    elif review.moments:
        key = tag("p", charts.key(), class_="key")
        yield "schedule", "Schedule", (_schedule_said(), key, charts.gantt(review))
    else:
        said = f"A plan of more than {DRAWN:,} actions is not drawn; `ballast simulate` has its timeline."
        yield "schedule", "Schedule", tag("p", said if plan.actions else "There is nothing to do.")
    yield "actions", f"Actions ({len(plan.actions)})", list(sections.actions(review))
    if plan.rejected:
        yield "refused", f"Not done ({len(plan.rejected)})", list(sections.refusals(review))
    yield "rules", "Rules and limits in force", sections.in_force(review)


def _load(review: Review) -> Iterator[Markup]:
    if not review.loads:
        yield tag("p", f"No loads: {review.lacking}.")
        return
    pictures = (
        tag(
            "figure",
            tag("figcaption", f"{called(name)} allocated, a column per host"),
            charts.loads(review.loads, name),
        )
        for name in review.classes[:2]
    )
    yield tag("div", pictures, class_="pair")
    coloured = "Coloured columns change, grey ones stay; red is more than there is."
    yield tag("p", coloured, class_="dim")
    yield from sections.loads(review)


def _schedule_said() -> Markup:
    said = (
        "With durations as expected, and if no window, other plan or failure holds anything up. Each move "
        "stands in a slot of the host that it leaves and of that it enters; a bar leads to its action."
    )
    return tag("p", said)


def _section(id: str, title: str, content: object) -> Markup:
    return tag("section", tag("h2", title, id=f"{id}-title"), content, id=id, aria_labelledby=f"{id}-title")
