"""Text from outside becomes plain values or named problems, and never anything else."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plan_schemas.loader import Invalid, parse, parse_located
from plan_schemas.problems import Problem, show_path

BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)
)


def complaints(text: str | bytes, **more: Any) -> list[str]:
    with pytest.raises(Invalid) as refused:
        parse(text, source="f", **more)
    return [str(p) for p in refused.value.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("2026-13-45", "2026-13-45"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("012", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("+5", 5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("True", True),
        ("false", False),
        ("~", None),
        ("", None),
        ("'true'", "true"),
        ('"5"', "5"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_words_mean_what_they_look_like(text: str, value: Any) -> None:
    """Only true and false are booleans, only JSON's numbers (and 0x, 0o) are numbers; the rest is text."""
    parsed = parse(f"k: {text}")["k"]
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", 'f:3:1 a: the key "a" is given twice; it is already on line 1'),
        ("a: {b: 1, b: 2}", 'f:1:11 a.b: the key "b" is given twice'),
        ("a: &x 1\n", "f:1:4: anchors (&x) are not allowed"),
        ("- &x 1\n- *x\n", "f:2:3: aliases (*x) are not allowed"),
        ("a: !!python/object:os.system ls\n", "f:1:4: tags (!!python/object:os.system) are not allowed"),
        ("<<: {a: 1}\n", "merge keys (<<) are not allowed"),
        ("1: a\n", 'f:1:1 ["1"]: the key "1" is not text; put it in quotes'),
        ("[a]: b\n", "f:1:1: a key must be plain text"),
        ("a:\n\tb: 1\n", "f:2:1: a tab stands where spaces are expected"),
        ("a:\n  - x\n b: 1\n", "f:3:2: this does not fit the lines above"),
        ("a: b: c\n", "f:1:5: a ': ' stands where none can be"),
        ("a:\n- x\nb\n", "f:3:1: this line has no ': '"),
        ("a: 'b\nc: d\n", "f:1:4: the quote that opens here is not closed"),
        ("a: {b: 1\n", "f:1:4: the bracket { that opens here is not closed"),
        ("a: @b\n", "f:1:4: this character cannot stand here; put the text in quotes"),
        ("a: 1\n---\nb: 2\n", "f:2:1: a second document starts here"),
        ("", "f:1:1: the document is empty"),
        ("a: \x07\n", "f:1:4: a control character stands here"),
        ("a: 1e999\n", '"1e999" is not a finite number'),
        ("a: 99999999999999999999\n", "beyond 64 bits"),
        ('{"a": 1 "b": 2}', "f:1:9: is not JSON here: expecting ',' delimiter"),
        ('{"a": 1,\n "a": 2}', 'f:2:2 a: the key "a" is given twice; it is already on line 1'),
        ('{"a": "\\ud800"}', "f a: holds half a surrogate pair"),
        ("[" * 5000, "f:1:65: is nested more than 64 levels deep"),
        ('{"a":' * 5000, "is nested more than 64 levels deep"),
        (b"a: \xff", "f:1:4: the text is not UTF-8"),
    ],
)
def test_what_is_refused_is_named_with_its_place(text: str | bytes, said: str) -> None:
    """Each refusal names file, line, column, what is wrong, and mostly what to do."""
    assert any(said in one for one in complaints(text)), complaints(text)


def test_all_that_is_wrong_is_told_at_once() -> None:
    """A duplicate, an anchor, an alias and a tag in one text make four problems."""
    assert len(complaints("a: 1\na: 2\nb: &x 3\nc: *x\nd: !t 5\n")) == 4


def test_an_alias_bomb_is_refused_before_it_expands() -> None:
    """Twenty doublings cost nothing, as nothing is ever expanded."""
    began = time.process_time()
    assert "not allowed" in complaints(BOMB)[0]
    assert time.process_time() - began < 1


def test_the_size_is_limited() -> None:
    """A text beyond the limit is refused by its number of bytes, before it is read."""
    assert complaints("a: " + "ä" * 100, max_bytes=200) == [
        "f: is 203 bytes long, the limit is 200; split the document"
    ]


def test_places_are_found_in_yaml_and_in_json() -> None:
    """Every key and every item knows its line and column, whichever way the text is written."""
    in_yaml = parse_located("a:\n  - b: 1\n  - c\n").positions
    assert (in_yaml["a",], in_yaml["a", 0], in_yaml["a", 0, "b"], in_yaml["a", 1]) == (
        (1, 1),
        (2, 5),
        (2, 5),
        (3, 5),
    )
    in_json = parse_located('{\n "a": [\n  {"b": 1},\n  "c"]}').positions
    assert (in_json["a", 0, "b"], in_json["a", 1]) == ((3, 4), (4, 3))


def test_json_and_yaml_of_the_same_value_are_the_same() -> None:
    """JSON with escapes that YAML lacks, brackets without quotes: both are read as what they are."""
    assert parse('{"a": "\\ud83d\\ude00\\/", "b": [1.5, null]}') == {"a": "😀/", "b": [1.5, None]}
    assert parse("{a: 1, b: [x]}") == {"a": 1, "b": ["x"]}


def test_a_path_reads_like_code() -> None:
    """Plain keys are joined by dots, indices and odd keys stand in brackets."""
    assert show_path(("actions", 3, "parameters", "a b")) == 'actions[3].parameters["a b"]'


ODD = "abc: -[]{}&*!|>'\"%@`#,?\n\t 0123.eE~<=\\/\x00\x07\ud800\x85\u2028é"
TEXTS = st.one_of(st.binary(max_size=200), st.text(ODD, max_size=80), st.text(max_size=80))


@settings(max_examples=1000, deadline=None)
@given(TEXTS)
def test_whatever_the_bytes_only_invalid_is_raised(text: bytes | str) -> None:
    """Any input gives a value that JSON can carry, or problems on one line each."""
    value, problems = read(text)
    if problems is None:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        return
    assert problems
    for problem in problems:
        assert "\n" not in str(problem)
        assert problem.line is None or (problem.line >= 1 and (problem.column or 0) >= 1)


def read(text: str | bytes) -> tuple[Any, tuple[Problem, ...] | None]:
    try:
        return parse(text), None
    except Invalid as refused:
        return None, refused.problems


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), VALUES, min_size=1))
def test_json_that_was_written_is_read_back(value: Any) -> None:
    """Whatever a program writes as JSON comes back the same, with or without escapes."""
    assert parse(json.dumps(value)) == value
    assert parse(json.dumps(value, ensure_ascii=False)) == value


def large_plan(actions: int) -> str:
    rows = (
        f"  - id: a{i}\n    type: migrate\n    parameters: {{instance: 10000000-0000-4000-8000-{i:012d}, "
        f"source: c{i % 90}, destination: c{i % 90 + 1}, kind: live}}\n    needs: [a{i + 1}]\n"
        for i in range(actions)
    )
    return "ballast: v1\nkind: ActionPlan\nactions:\n" + "".join(rows)


def test_reading_costs_no_more_for_each_line_of_a_large_plan() -> None:
    """1.8 MB of YAML take twenty times as long as a twentieth of it, with room for the machine's moods; as
    JSON no longer than as YAML."""
    small, large = large_plan(550), large_plan(11_000)
    assert 1_700_000 < len(large) < 1_900_000
    few, _ = _read(small)
    many, value = _read(large)
    as_json, again = _read(json.dumps(value))
    assert again == value
    assert many < 60 * few
    assert as_json < many


def _read(text: str) -> tuple[float, object]:
    """The processor time of the quicker of two readings, and what was read."""
    took = []
    for _ in range(2):
        began = time.process_time()
        value = parse(text, max_bytes=4_000_000)
        took.append(time.process_time() - began)
    return min(took), value
