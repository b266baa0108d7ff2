"""What a document may hold: words and numbers of YAML 1.2's core schema, nothing JSON cannot carry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from plan_schemas.problems import Path

DEEPEST = 64  # levels of nesting
LARGEST_INTEGER = 2**63  # beyond it other readers of JSON lose digits
_ENOUGH = 50  # complaints

_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {"": None, "~": None} | {
    cased: value
    for word, value in (("null", None), ("true", True), ("false", False))
    for cased in (word, word.title(), word.upper())
}
_NUMERIC = frozenset("+-.0123456789")


def resolve(text: str) -> Any:
    """What a plain (unquoted) scalar means; numbers too great for JSON are left to `unfit_scalar`."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) < 25 else LARGEST_INTEGER
    if _BASED.fullmatch(text):
        return int(text, 0) if len(text) < 25 else LARGEST_INTEGER
    return float(text) if _FLOAT.fullmatch(text) else text


def unfit(value: Any) -> tuple[tuple[Path, str], ...]:
    """What a value that came as JSON has that no document may have: path and sentence of each."""
    out: list[tuple[Path, str]] = []
    stack: list[tuple[Path, Any]] = [((), value)]
    while stack and len(out) < _ENOUGH:
        path, one = stack.pop()
        if isinstance(one, (dict, list, tuple, Mapping)):
            if len(path) >= DEEPEST:
                out.append((path, f"is nested more than {DEEPEST} levels deep"))
                continue
            items = list(one.items()) if isinstance(one, Mapping) else list(enumerate(one))
            for key, _ in items:
                if said := _unfit_key(key, isinstance(one, Mapping)):
                    out.append((path, said))
            stack.extend(((*path, key), item) for key, item in reversed(items))
        elif said := unfit_scalar(one):
            out.append((path, said))
    return tuple(out)


def _unfit_key(key: Any, of_mapping: bool) -> str:
    if not of_mapping:
        return ""
    return unfit_scalar(key) if isinstance(key, str) else f"has a key that is not text ({key!r})"


def unfit_scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, str):
        has_surrogate = not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value)
        return "holds half a surrogate pair, which is no character" if has_surrogate else ""
    if isinstance(value, int):
        return "" if abs(value) < LARGEST_INTEGER else "is a whole number beyond 64 bits"
    if isinstance(value, float):
        return "" if abs(value) < float("inf") else "is not a finite number"
    return f"is no JSON value ({type(value).__name__})"
