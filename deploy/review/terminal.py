"""The review of a plan as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from activities.words import count
from deploy.review.content import Review, measured, rules
from deploy.review.load import Span, apart, called, metrics
from deploy.review.markup import printable
from plan_schemas.plan import Action

_BAR = 30  # columns of the timeline
_SHOWN = 40  # rows of a table, unless all are wanted


def told(review: Review, *, whole: bool = False) -> Iterator[str]:
    """Loads, schedule, bounds, refusals and rules; long tables are cut unless the whole is wanted."""
    plan, most = review.plan, None if whole else _SHOWN
    yield printable(f"{review.id or plan.name} on {plan.cloud}: {plan.reason}")
    who = f"asked for by {plan.requested_by}" if plan.requested_by else "nobody said who asked for it"
    yield printable(f"{who}, made at {plan.created_at}, {plan.digest}")
    for word, said in measured(plan):
        yield printable(f"{word} {said}")
    for name, value in review.forecast:
        yield f"forecast {name} {value}"
    yield from _table(["distance", "forecast", "best", "gap"], _bounds(review), None)
    if review.lacking:
        yield from ("", f"no loads: {printable(review.lacking)}")
    yield from _loads(review, most)
    yield from _table(["action", "what", "starts", "takes", "when"], _actions(review), most)
    yield from (f"{name}: {said}" for name, said in review.does)
    yield from _table(
        ["rule", "about", "why not"],
        ([r.code, review.names.get(r.subject, r.subject), r.text] for r in plan.rejected),
        most,
    )
    yield from _table(["in force", ""], ([k, v] for k, v in rules(plan)), None)


def _loads(review: Review, most: int | None) -> Iterator[str]:
    """The hosts that the plan changes, how many it does not, and what the columns are."""
    changed, used = [row for row in review.loads if row.is_changed], metrics(review.loads)
    rows = (
        [
            row.host,
            f"{row.instances[0]} → {row.instances[1]}",
            *(_span(row.allocated.get(c)) for c in review.classes),
            *(_span(row.measured.get(m)) for m in used),
        ]
        for row in changed
    )
    yield from _table(["host", "instances", *map(called, review.classes), *used], rows, most)
    if not review.loads:
        return
    others = len(review.loads) - len(changed)
    if not changed:
        yield from ("", "as far as this picture tells, no host has more or less to bear after the plan")
    elif others:
        yield f"{count(others, 'more host does', 'more hosts do')} not change"
    if changed and (said := apart(review.loads)):
        yield said


def _bounds(review: Review) -> Iterator[Sequence[str]]:
    for one in review.plan.bounds:
        yield [
            one.name,
            f"{one.value:g}",
            f"{'≥' if one.better == 'lower' else '≤'} {one.bound:g}",
            one.distance,
        ]


def _span(span: Span | None) -> str:
    return "-" if span is None else span.said(alike=True)


def _actions(review: Review) -> Iterator[Sequence[str]]:
    scale = _BAR / review.seconds if review.seconds else 0.0
    for m in review.moments:
        bar = " " * min(_BAR - 1, int(m.start * scale)) + "█" * max(1, round((m.end - m.start) * scale))
        yield [m.action.id, _what(review, m.action), review.starts(m), review.takes(m.action), bar]


def _what(review: Review, one: Action) -> str:
    touches = one.touches
    if touches.into is not None:
        return f"{review.name(one)}: {touches.out} → {touches.into}"
    if touches.instance is not None:
        more = (f" {k} {v}" for k, v in one.parameters.items() if k != "instance")
        return f"{one.type} {review.name(one)}{''.join(more)}"
    return f"{touches.service}: {touches.sets}" if touches.service else one.type


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], most: int | None) -> Iterator[str]:
    listed = [[printable(cell).replace("\n", " ") for cell in row] for row in rows]
    if not listed:
        return
    shown = listed[:most]
    widths = [max(len(row[n]) for row in (head, *shown)) for n in range(len(head) - 1)]
    yield ""
    for row in (head, *shown):
        yield "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[-1]]).rstrip()
    if len(listed) > len(shown):
        yield f"and {len(listed) - len(shown)} more; --all shows them"
