"""Documents are held to their schemas, and every fault is told in words that name place and remedy."""

from __future__ import annotations

import re
import socket
import time
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plan_schemas import schema
from plan_schemas.loader import parse_located
from plan_schemas.model import Cluster, from_document, to_document
from plan_schemas.patterns import danger
from plan_schemas.problems import Findings
from tests.worlds.clouds import clusters

AUDIT = "ballast: v1\nkind: Audit\nname: a\ncloud: c\ngoal: dummy\n"


def told(text: str, kind: str | None = None) -> list[str]:
    located = parse_located(text, source="f")
    found = schema.problems(located.value, kind, positions=located.positions, source="f")
    return [str(p) for p in found]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("stratgy: x\n", 'f:6:1 stratgy: unknown key; did you mean "strategy"?'),
        (
            "zzz: x\n",
            "f:6:1 zzz: unknown key; known here: datasource, execution, max_age, max_age_seconds, "
            "max_uncertain, metrics, parameters, refresh, requested_by, scope, strategy",
        ),
        ("max_uncertain: '5'\n", 'is the text "5", expected a number; remove the quotes'),
        ("max_uncertain: -1\n", "f:6:1 max_uncertain: is -1, the least is 0"),
        ("max_uncertain: true\n", "is true, expected a number"),
        (
            "parameters:\n",
            "is empty, expected a mapping of the strategy's parameters; give it a value or remove",
        ),
        (
            "execution: {mode: atuo}\n",
            'is the text "atuo", expected advise, approve or auto; did you mean auto?',
        ),
        ("execution: {approve_within: 1 day}\n", "expected a duration such as 90s, 5m, 24h, 7d"),
        ('execution: {approve_within: "24h\\n"}\n', "expected a duration such as"),
        ("max_age: 99999999999d\n", 'f:6:1 max_age: is "99999999999d", the longest is 3650d'),
        ("execution: {approve_within: 1e300}\n", "execution.approve_within: is 1e+300, the longest is 3650d"),
        ("execution: {settle_seconds: 1e300}\n", "execution.settle_seconds: is 1e+300, the longest is 3650d"),
        ("execution:\n  limits:\n    parallel: 2.0\n", "f:8:5 execution.limits.parallel: is the number 2.0"),
        ("execution: {allow: [live, live]}\n", 'f:6:27 execution.allow[1]: "live" is listed twice'),
        (
            "scope:\n  include:\n    hosts: [a, 5]\n",
            "f:8:16 scope.include.hosts[1]: is the number 5, expected",
        ),
        ("scope: {exclude: {instances: [vm-1]}}\n", 'is "vm-1", expected a UUID in lower case'),
    ],
)
def test_each_fault_names_place_finding_and_remedy(more: str, said: str) -> None:
    """One wrong thing in an audit gives one problem, at its own line, with what was expected."""
    found = told(AUDIT + more)
    assert len(found) == 1
    assert said in found[0]


def test_all_faults_are_told_at_once_in_the_order_of_the_text() -> None:
    """A document with four faults needs one run to be mended, not four."""
    found = told("ballast: v1\nkind: Audit\nname: a b\nexecution: {mode: x}\nfoo: 1\n")
    assert [one.split(": ", 1)[0] for one in found] == [
        "f:1:1",
        "f:1:1",
        "f:3:1 name",
        "f:4:13 execution.mode",
        "f:5:1 foo",
    ]
    assert 'the key "cloud" is missing; add it' in found[0] + found[1]
    assert "needs goal or strategy" in found[0] + found[1]


def test_a_fault_deep_in_a_list_points_at_its_line() -> None:
    """The third action's misspelt key is found in the third action."""
    text = "ballast: v1\nkind: ActionPlan\ncloud: c\nactions:\n- {id: a, type: nop}\n- {id: b, type: nop}\n"
    found = told(text + "- id: c\n  type: nop\n  paramters: {}\n")
    assert found == ['f:9:3 actions[2].paramters: unknown key; did you mean "parameters"?']


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("kind: Audt\n", None, 'f:1:1 kind: "Audt" is no kind of document; did you mean "Audit"?'),
        ("a: 1\n", None, 'the key "kind" is missing; add kind: one of ActionPlan, Audit'),
        ("kind: Rollback\n", "Audit", 'is "Rollback", expected "Audit"; give it to the workflow Rollback'),
        ("kind: [Audit]\n", None, "is no kind of document"),
        ("just text\n", None, 'is the text "just text", expected a mapping of keys to values'),
        ("- a\n", "Audit", "is a list, expected a mapping"),
    ],
)
def test_a_wrong_kind_is_one_problem(text: str, kind: str | None, said: str) -> None:
    """Nothing else is said of a document that is not even of the right kind."""
    found = told(text, kind)
    assert len(found) == 1
    assert said in found[0]


def test_our_own_schemas_are_sound() -> None:
    """Each file of documents/ is a valid 2020-12 schema, points nowhere outside, and its patterns end."""
    for file in (files("plan_schemas") / "documents").iterdir():
        if file.name.endswith(".yaml"):
            found = Findings(file.name)
            schema.check_schema(parse_located(file.read_bytes()).value, found)
            assert not found.problems


@pytest.mark.parametrize(
    "pattern",
    [
        "^(a+)+$",
        "(a|a)*b",
        "((a?)b)*",
        "(?:x{1,3}){2,}",
        "((a+))+",
        "(x+x+)+y",
        "a*a*a*b",
        "a{0,50}a{0,50}a+b",
        "(",
        "[a",
        r"(\w+\s?)*$",
    ],
)
def test_a_pattern_that_may_take_for_ever_is_refused(pattern: str) -> None:
    """Nested repetition, a choice that is repeated, and what does not compile."""
    assert danger(pattern)


@pytest.mark.parametrize(
    "pattern",
    [r"^[0-9]+(\.[0-9]+)?(ms|s)$", "([0-9a-f]{4}-){3}", "(a|b)", r"[(+]+", r"\(+\)+", "(a{3})+", "(?:a)+"],
)
def test_a_pattern_that_ends_is_allowed(pattern: str) -> None:
    """Brackets in classes, escapes and repetition of what is fixed do no harm."""
    assert danger(pattern) is None


@settings(max_examples=200, deadline=None)
@given(st.text("ab+*?(){}|[]\\,12^$", max_size=12))
def test_what_the_lint_allows_does_end(pattern: str) -> None:
    """A pattern that passed the lint decides within a second on a text made to hurt."""
    if danger(pattern) is None:
        began = time.process_time()
        re.search(pattern, "ab" * 15 + "a" * 30 + "!")
        assert time.process_time() - began < 1


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference to elsewhere is refused by the check, and opens no connection when it is used anyhow."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    remote = {"$ref": "http://127.0.0.1:9/schema.json"}
    found = Findings()
    schema.check_schema({"properties": {"a": remote}}, found)
    assert "points outside; write the schema out here" in str(found.problems[0])
    with pytest.raises(Exception, match=r"127\.0\.0\.1"):
        schema.against(remote, {}, Findings())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("90s", 90),
        ("5m", 300),
        ("24h", 86400),
        ("7d", 604800),
        ("250ms", 0.25),
        ("1.5h", 5400),
        (5, 5),
        (0.5, 0.5),
    ],
)
def test_durations_are_seconds(text: Any, number: float) -> None:
    """A number and a unit, or a plain number of seconds."""
    assert schema.seconds(text) == number


@pytest.mark.parametrize("text", ["", "1", "1 h", "-1s", "1h30m", "s", "1s\n", True])
def test_what_is_no_duration_is_refused(text: Any) -> None:
    """Without a unit, with two, with a sign: refused with what to write instead."""
    with pytest.raises(ValueError, match="write 90s, 5m, 24h, 7d"):
        schema.seconds(text)


def test_size_limits_follow_the_kind() -> None:
    """A plan may have 1.9 MB, a snapshot 1 GiB, everything else 256 KiB."""
    assert schema.limit(b"ballast: v1\nkind: ActionPlan\n") == 1_900_000
    assert schema.limit(b'{"ballast":"v1","kind":"Snapshot"') == 2**30
    assert schema.limit(b"kind: Audit\n") == schema.limit(b"kind") == 262_144


@settings(max_examples=50, deadline=None)
@given(clusters())
def test_what_the_model_writes_is_a_valid_snapshot(cluster: Cluster) -> None:
    """The Snapshot document of any cluster is valid and gives the same cluster back."""
    document = to_document(cluster)
    assert schema.problems(document, "Snapshot") == ()
    assert from_document(document) == cluster


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["kind", "name", "actions", "execution", "x"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from([*schema.kinds(), *schema.catalogue_kinds()]),
)
def test_any_value_gets_an_answer(value: Any, kind: str) -> None:
    """Whatever stands in a document, it is judged and never raises."""
    body = {"ballast": "v1", "kind": kind, **value} if isinstance(value, dict) else value
    assert all(str(p) for p in schema.problems(body, kind))
