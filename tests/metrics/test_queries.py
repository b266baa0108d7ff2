"""Whatever an operator or an audit says stays a value in a query: nothing is ever pasted raw."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.simcloud.promql import BadData, Query
from plan_schemas import queries
from plan_schemas.catalog import load
from plan_schemas.queries import NotThere, Terms

VALUE = "avg_over_time(x{${labels}}[${period}])"
NEWEST = "max_over_time(timestamp(x{${labels}})[${stale_after}:1m])"


def asked(value: str, newest: str, terms: Terms) -> str:
    """For numbers and the times of the newest samples at once."""
    return queries.joined({"value": queries.filled(value, terms), "newest": queries.filled(newest, terms)})


@given(st.text(max_size=40), st.from_regex(queries._LABEL, fullmatch=True), st.floats(1, 1e6))
def test_a_label_value_stays_one_text(value: str, label: str, period: float) -> None:
    """The query that is sent has exactly this value as one quoted text, or there is no query."""
    terms = Terms("host", period, 900, {label: value})
    if not value.isprintable():
        with pytest.raises(NotThere, match="characters that cannot be"):
            asked(VALUE, NEWEST, terms)
        return
    query = asked(VALUE, NEWEST, terms)
    tokens = list(Query._tokens(query))
    assert tokens.count(("text", queries.quoted(value))) >= 2
    plain = list(Query._tokens(asked(VALUE, NEWEST, Terms("host", period, 900, {label: "v"}))))
    assert [kind for kind, _ in tokens] == [kind for kind, _ in plain]


@pytest.mark.parametrize("label", ["a b", "", "a=", 'a"', "1a", "a{"])
def test_a_label_name_is_a_name(label: str) -> None:
    """Neither as a matcher nor as what names the subject."""
    for terms in (Terms("host", 300, 900, {label: "v"}), Terms(label, 300, 900, {})):
        with pytest.raises(NotThere, match="no name of a label"):
            asked(VALUE, NEWEST, terms)


@pytest.mark.parametrize("period", [0, -1, 0.5, float("nan"), float("inf"), 1e12])
def test_a_period_is_a_time_to_look_back(period: float) -> None:
    """Between a second and a year, in whole seconds."""
    with pytest.raises(NotThere, match="no time to look back"):
        asked(VALUE, NEWEST, Terms("host", period, 900, {}))


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ('x{a="${labels}"}', "may stand only last between braces"),
        ("x{${labels},a=\"b\"}", "may stand only last between braces"),
        ("x${labels}", "may stand only last between braces"),
        ("x{${labels}}[${labels}]", "may stand only last between braces"),
        ("x{${labels}} ${period}", "may stand only between brackets"),
        ('x{${labels}, a="[${period}]"}', "may stand only"),
        ("x{${labels}} * ${subject}", "as a label between parentheses"),
        ("x{${labels}} ${password}", "is nothing that is put in"),
        ("x{${labels}} $period", "has a $ that begins nothing"),
        ("x{}", "lacks ${labels}"),
        ("x{${labels}} # )", "has a comment"),
        ("x{${labels}}) or (y{${labels}}", "a bracket that is not closed"),
        ("(x{${labels}}", "a bracket that is not closed"),
        ('x{${labels}} "', "a bracket that is not closed"),
    ],
)  # fmt: skip
def test_a_template_with_holes_elsewhere_is_refused(template: str, said: str) -> None:
    """When the document is read, long before anything is asked."""
    assert any(said in one for one in queries.problems(template))


def test_our_own_dialects_are_sound_and_scoped() -> None:
    """Each template of each dialect has no problem, and asks for one series by subject."""
    for dialect in load().dialects.values():
        for question in dialect.metrics.values():
            for template in (*question.query.values(), question.newest):
                assert list(queries.problems(template)) == []


def test_the_simulated_prometheus_reads_what_it_must_and_refuses_the_rest() -> None:
    """Its bad data is as Prometheus' own: said with what was not understood."""
    with pytest.raises(BadData, match="unexpected"):
        Query("avg_over_time(x)", lambda _: iter(()), 0.0, float).run()
    with pytest.raises(BadData, match="cannot read: \\+ 1"):
        Query("x + 1", lambda _: iter(()), 0.0, float).run()
