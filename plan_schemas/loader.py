"""Strict YAML and JSON: plain values out of untrusted text, or every problem with its place.

Refused are aliases, anchors, tags, merge keys, duplicate keys, a second document, whatever is too big or too
deep. Words mean what they look like: only true and false are booleans; dates, `no` and `1:30` stay text.
Whatever the bytes, only `Invalid` is raised.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

from plan_schemas.plain import unfit
from plan_schemas.problems import Findings, Invalid, Positions, Problem, show_path
from plan_schemas.walk import ABSENT, Walk

__all__ = ["LIMIT", "Invalid", "Located", "Problem", "parse", "parse_located"]

LIMIT = 262_144  # bytes of a document, unless its kind says otherwise


@dataclass(frozen=True)
class Located:
    """A parsed document that can say where in its text each value stands."""

    value: Any
    text: str
    source: str

    @cached_property
    def positions(self) -> Positions:
        """Path -> (line, column) of the key or item; found when first asked, as only complaints need it."""
        walk = Walk(Findings(self.source), {})
        with suppress(Invalid):  # JSON that YAML cannot read: what came before still has its place
            walk.over(self.text)
        return walk.positions or {}


def parse(text: bytes | str, *, source: str = "<input>", max_bytes: int = LIMIT) -> Any:
    """The value of a YAML or JSON document in plain dicts, lists, text, numbers. Raises Invalid."""
    return parse_located(text, source=source, max_bytes=max_bytes).value


def parse_located(text: bytes | str, *, source: str = "<input>", max_bytes: int = LIMIT) -> Located:
    """The same, with the place of each value. Raises Invalid."""
    decoded = _decode(text, source, max_bytes)
    value, complaint = ABSENT, None
    if decoded.lstrip()[:1] in ("{", "["):
        value, complaint = _json(decoded, source)
    if value is ABSENT:
        walk = Walk(Findings(source), None)
        try:
            value = walk.over(decoded)
        except Invalid:
            if complaint is None or not walk.is_no_yaml:
                raise
            raise Invalid([complaint]) from None
    return Located(value, decoded, source)


def _decode(text: bytes | str, source: str, max_bytes: int) -> str:
    try:
        raw = text.encode() if isinstance(text, str) else bytes(text)
        if len(raw) > max_bytes:
            said = f"is {len(raw):,} bytes long, the limit is {max_bytes:,}"
            raise Invalid([Problem(source, None, None, "", said, "split the document")])
        return raw.decode("utf-8-sig")
    except UnicodeError as error:
        before = error.object[: error.start] if isinstance(error, UnicodeDecodeError) else b""
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        said = "the text is not UTF-8"
        raise Invalid([Problem(source, line, column, "", said, "save the file as UTF-8")]) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("duplicate key")
    return out


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _json(text: str, source: str) -> tuple[Any, Problem | None]:
    """The value when the text is faultless JSON; otherwise the walk over events says what is wrong, or that
    the text is YAML that starts with a bracket. The problem is for text that neither can read."""
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        looks_like_json = re.match(r'\s*[{\[]\s*["{\[]', text) is not None
        said = error.msg[:1].lower() + error.msg[1:]
        problem = Problem(source, error.lineno, error.colno, "", f"is not JSON here: {said}")
        return ABSENT, problem if looks_like_json else None
    except (ValueError, RecursionError):
        return ABSENT, None
    for path, said in unfit(value):
        return ABSENT, Problem(source, None, None, show_path(path), said)
    return value, None
