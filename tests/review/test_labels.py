"""Names below a picture tell hosts apart and do not run into each other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.review import charts
from deploy.review.labels import short
from deploy.review.load import Load, Span
from tests.review.reading import Page

ZONES = [f"az{zone}-cmp-{n:04}" for zone in (1, 2, 3) for n in range(1, 5)]
PARTS = st.lists(st.sampled_from(["az1", "az2", "cmp", "0001", "0002", "", "host"]), min_size=1, max_size=5)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(PARTS, st.sampled_from("-._")), min_size=1, max_size=12))
def test_what_is_dropped_never_makes_two_names_one(rows: list[tuple[list[str], str]]) -> None:
    """As many different labels as names; each is a part of its own name."""
    names = sorted({between.join(parts) for parts, between in rows})
    labels = short(names)
    assert len(set(labels)) == len(names)
    assert all(label in name for label, name in zip(labels, names))


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["cmp-0001", "cmp-0002"], ["0001", "0002"]),
        (["a1.cloud.example.org", "b1.cloud.example.org"], ["a1", "b1"]),
        (["rack-a-1.example", "rack-b-1.example"], ["a", "b"]),
        (["rack-1", "rack-1-2"], ["1", "1-2"]),
        (ZONES, ZONES),
    ],
)
def test_only_what_all_names_share_is_dropped(names: list[str], labels: list[str]) -> None:
    """Parts at the beginning and at the end that every name has; the zone that some have stays."""
    assert short(names) == labels


@pytest.mark.parametrize(
    ("hosts", "upright"),
    [(ZONES, True), (ZONES[:4], False), ([f"cmp-{n:02}" for n in range(24)], False), (["cmp-01"], False)],
)
def test_names_below_columns_differ_and_have_room(hosts: list[str], upright: bool) -> None:
    """Each host has a name of its own, across where that fits in its column and upright where it does not,
    within the picture."""
    rows = [Load(h, (1, 2), {"VCPU": Span(10, 20)}, {}, (False, False)) for h in hosts]
    page = Page(charts.loads(rows, "VCPU"))
    names = [a for tag, a in page.elements if tag == "text" and a.get("text-anchor")]
    said = [text for text in page.said if "100 %" not in text]
    assert len(names) == len(set(said)) == len(hosts)
    assert all(("rotate(-90" in str(a.get("transform"))) is upright for a in names)
    step, tall = 1000 / len(hosts), float(str(page.elements[0][1]["viewbox"]).split()[3])
    longest = 14 * max(map(len, said))
    assert (372 + longest <= tall and step >= 22) if upright else longest < step
