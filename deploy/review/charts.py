"""Pictures of a review: the load of all hosts, the schedule by host, the distance from a bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from deploy.review.content import Review
from deploy.review.labels import short
from deploy.review.load import Load, Span, called
from deploy.review.markup import Markup, tag
from deploy.review.schedule import IN, OTHER, OUT, SWITCH, Lane, Moment, clock, lanes, ticks
from plan_schemas.plan import Bound

_HOSTS, _NAMED = 400, 24  # columns of the picture of all hosts, and as many as have room for a name
_LETTER, _APART = 14, 10  # what a letter of a name takes in the picture, and what lies between two names
_KINDS = {OUT: "o", IN: "i", SWITCH: "w", OTHER: "w"}
_WORDS = {OUT: "leaves", IN: "enters", SWITCH: "sets the service", OTHER: "runs"}


def loads(rows: Sequence[Load], name: str) -> Markup:
    """One column per host, before the plan above and after it below."""
    shown = [r for r in rows if name in r.allocated]
    if len(shown) > _HOSTS:
        shown = [r for r in shown if r.is_changed][:_HOSTS]
    parts = [part for top, word in ((26, "before"), (212, "after")) for part in _half(shown, name, top, word)]
    label = (
        f"{called(name)} allocated on {len(shown)} hosts before and after the plan; the table has the numbers"
    )
    tall = 364
    if 0 < len(shown) <= _NAMED:
        names, more = _names([row.host for row in shown])
        parts, tall = [*parts, *names], tall + more
    style = f"max-height:{round(0.85 * tall)}px"  # of the page: long names leave the columns as tall
    return tag("svg", parts, viewBox=f"0 0 1000 {tall}", role="img", aria_label=label, style=style)


def _half(rows: Sequence[Load], name: str, top: int, word: str) -> Iterator[Markup]:
    step = 1000.0 / max(len(rows), 1)
    bar = max(1.0, min(step * 0.8, 60.0))
    yield tag("text", f"{word} (the upper line is 100 %)", x=0, y=top - 7)
    for level in (0, 50, 100):
        y = top + 150 - 1.5 * level
        yield tag("line", x1=0, x2=1000, y1=y, y2=y, class_="axis")
    for n, row in enumerate(rows):
        value = getattr(row.allocated[name], word)
        tall = min(value, 110.0) * 1.5
        kind = "hot" if value > 100 else ("now" if row.is_changed else "was")
        place = {"x": f"{n * step + (step - bar) / 2:.1f}", "y": f"{top + 150 - tall:.1f}"}
        yield tag("rect", **place, width=f"{bar:.1f}", height=f"{tall:.1f}", class_=kind)


def _names(hosts: Sequence[str]) -> tuple[list[Markup], int]:
    """Under their columns, without what all share, upright where that is too long; and how tall that is."""
    step = 1000 / len(hosts)
    room, said = max(2, int((step - _APART) / _LETTER)), hosts
    if any(len(name) > room for name in said):
        said = short(hosts)
    longest = max(map(len, said))
    middles = [f"{(n + 0.5) * step:.1f}" for n in range(len(hosts))]
    if longest <= room:
        return [tag("text", s, x=x, y=388, text_anchor="middle") for s, x in zip(said, middles)], 32
    upright = [
        tag("text", s, x=x, y=372, dy="0.35em", text_anchor="end", transform=f"rotate(-90 {x} 372)")
        for s, x in zip(said, middles)
    ]
    return upright, 16 + longest * _LETTER


def load_cell(span: Span | None, name: str) -> Markup:
    """A bar for what is there after the plan, and a mark where it was before."""
    if span is None:
        return tag("td", "not offered", class_="dim", data_l=name)
    style = f"--b:{min(span.before, 100):.0f}%;--a:{min(span.after, 100):.0f}%"
    over = " over" if span.after > 100 else ""
    return tag(
        "td",
        tag("i", style=style, aria_hidden="true"),
        tag("span", span.said()),
        class_=f"load{over}",
        data_l=name,
    )


def gantt(review: Review) -> Markup:
    """Hosts down, time to the right; a move stands in a slot of the host it leaves and of that it enters."""
    whole = review.seconds or 1.0
    marks = ticks(whole)
    step = f"--s:{100 * (marks[1] if len(marks) > 1 else whole) / whole:.3f}%"
    axis = [tag("b", clock(t), style=f"left:{100 * t / whole:.2f}%") for t in marks if t <= 0.95 * whole]
    cells: list[Markup] = [
        tag("div", "host", class_="h t"),
        tag("div", tag("div", axis, class_="axis-row"), class_="r t"),
    ]
    for host, own in groupby(lanes(review.moments), key=lambda lane: lane.host):
        rows = [_lane(review, lane, whole) for lane in own]
        cells += [
            tag("div", tag("bdi", host or "no host"), class_="h", title=host),
            tag("div", rows, class_="r"),
        ]
    label = f"Schedule of {len(review.moments)} actions by host; the table of actions has the same times"
    return tag("div", cells, class_="gantt", role="group", aria_label=label, tabindex="0", style=step)


def _lane(review: Review, lane: Lane, whole: float) -> Markup:
    return tag("div", [_bar(review, lane.way, m, whole) for m in lane.moments], class_="lane")


def _bar(review: Review, way: str, moment: Moment, whole: float) -> Markup:
    action = moment.action
    left, width = 100 * moment.start / whole, 100 * (moment.end - moment.start) / whole
    name = review.name(action) if way != SWITCH else ""
    other = {OUT: f" to {action.touches.into}", IN: f" from {action.touches.out}"}.get(way, "")
    title = f"{action.id}: {_WORDS[way]}{other}, {clock(moment.start)} to {clock(moment.end)}"
    return tag(
        "a",
        name,
        class_=_KINDS[way],
        href=f"#{anchor(action.id)}",
        title=title,
        aria_label=title if way == SWITCH else None,
        style=f"left:{left:.2f}%;width:{width:.2f}%",
    )


def anchor(id: str) -> str:
    return f"a-{id}"


def gap_cell(one: Bound) -> Markup:
    """How much of the value is the bound, and how much is more than that."""
    most = max(abs(one.bound), abs(one.value)) or 1.0
    good, off = 100 * min(abs(one.bound), abs(one.value)) / most, 100 * abs(one.value - one.bound) / most
    if not one.bound and not one.value:
        good, off = 100.0, 0.0
    style = f"--a:{good:.1f}%;--g:{off:.1f}%"
    return tag("td", tag("i", style=style, aria_hidden="true"), class_="gap")


def key() -> Iterator[Markup]:
    yield tag("span", "leaves the host", class_="o")
    yield tag("span", "enters the host", class_="i")
    yield tag("span", "service enabled or disabled, and whatever else", class_="w")
