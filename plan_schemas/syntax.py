"""YAML's syntax errors in words that say what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from plan_schemas.problems import Problem


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a complaint of libyaml (the first that contains `said`) means to a person."""

    said: str
    message: str
    remedy: str
    where_it_began: bool = False  # point at the start of the construct rather than at its end


_MEANINGS = (
    _Meaning("cannot start any token", "this character cannot stand here", "put the text in quotes"),
    _Meaning(
        "mapping values are not allowed",
        "a ': ' stands where none can be",
        "quote text that contains ': ', or check the indentation",
    ),
    _Meaning(
        "could not find expected ':'", "this line has no ': '", "write `key: value`, with a space", True
    ),
    _Meaning(
        "did not find expected key",
        "this does not fit the lines above",
        "check the indentation and the quotes",
    ),
    _Meaning(
        "did not find expected '-' indicator",
        "this does not fit the list above",
        "start it with '- ' in the same column as the other items",
    ),
    _Meaning(
        "expected ',' or '}'", "the bracket { that opens here is not closed", "add the } or a comma", True
    ),
    _Meaning(
        "expected ',' or ']'", "the bracket [ that opens here is not closed", "add the ] or a comma", True
    ),
    _Meaning("unexpected end of stream", "the quote that opens here is not closed", "close it", True),
    _Meaning("entries are not allowed", "a '- ' cannot stand here", "put it on a line of its own"),
    _Meaning("control characters are not allowed", "a control character stands here", "remove it"),
    _Meaning("expected <document start>", "the document has ended before this", "check the indentation"),
)
_TAB = _Meaning("", "a tab stands where spaces are expected", "indent with spaces")


def explain(error: yaml.YAMLError, text: str, source: str) -> Problem:
    """The problem of a text that is not YAML."""
    if isinstance(error, yaml.reader.ReaderError):
        line, column = _at_byte(text, error.position)
        meaning = _meaning(str(error.reason))
        return Problem(source, line, column, "", meaning.message, meaning.remedy)
    mark: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return Problem(source, None, None, "", f"is not YAML: {error}".replace("\n", " "))
    meaning = _TAB if _has_tab(text, mark.line, mark.column) else _meaning(str(getattr(error, "problem", "")))
    if meaning.where_it_began:
        mark = getattr(error, "context_mark", None) or mark
    return Problem(source, mark.line + 1, mark.column + 1, "", meaning.message, meaning.remedy)


def _meaning(said: str) -> _Meaning:
    for one in _MEANINGS:
        if one.said in said:
            return one
    return _Meaning(said, f"is not YAML: {said}", "")


def _has_tab(text: str, line: int, column: int) -> bool:
    """Whether the complaint stands in or right behind indentation that has a tab."""
    lines = text.split("\n")
    if line >= len(lines):
        return False
    indent = lines[line][: len(lines[line]) - len(lines[line].lstrip())]
    return "\t" in indent and column <= len(indent)


def _at_byte(text: str, offset: int | None) -> tuple[int, int]:
    before = text.encode()[: max(offset or 0, 0)]
    return before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
