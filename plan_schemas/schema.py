"""The JSON Schemas of all documents (documents/*.yaml), and every problem of a value against them.

Schemas come from this package and from catalogue files only; nothing is ever fetched, and a pattern that
could take for ever is refused before it is used.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from plan_schemas.complaints import described, nearest, tell
from plan_schemas.loader import LIMIT, parse
from plan_schemas.patterns import danger
from plan_schemas.problems import Findings, Path, Positions, Problem, quoted

_LIMITS = {"ActionPlan": 1_900_000, "Snapshot": 2**30}  # bytes; one input of Temporal may have 2 MB
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_KIND = re.compile(
    rb"""^[ \t{]*["']?kind["']?\s*:\s*["']?([A-Za-z]+)|[{,]\s*"kind"\s*:\s*"([A-Za-z]+)""", re.M
)
_SNIFFED = 4096  # bytes in which `kind` is looked for


def problems(
    value: Any, kind: str | None = None, *, positions: Positions | None = None, source: str = "input"
) -> tuple[Problem, ...]:
    """Every problem of a document: of the kind that it names itself, or of the kind that is expected."""
    found = Findings(source, positions)
    check(value, kind, found)
    return tuple(found.problems)


def check(value: Any, kind: str | None, found: Findings) -> None:
    """The same, added to the findings."""
    if not isinstance(value, Mapping):
        found.add((), f"is {described(value)}, expected a mapping of keys to values")
        return
    actual = kind if kind in catalogue_kinds() else _kind_of(value, kind, found)
    if actual is not None:
        against(_schemas()[_stem(actual)], value, found)


def against(schema: Any, value: Any, found: Findings, path: Path = ()) -> None:
    """Adds each problem of a value (which stands at `path` in its document) against any schema."""
    mine = Findings(found.source, found.positions)
    for error in _Validator(schema, registry=_registry()).iter_errors(value):
        tell(error, mine, path)
    unique = dict.fromkeys(mine.problems)
    found.problems.extend(sorted(unique, key=lambda p: (p.line or 0, p.column or 0, p.path)))


def check_schema(schema: Any, found: Findings, path: Path = ()) -> None:
    """Adds what is wrong with a JSON Schema itself: its form, its patterns, references to elsewhere."""
    for error in Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema):
        tell(error, found, path)
    stack: list[tuple[Path, Any]] = [(path, schema)]
    while stack:
        at, one = stack.pop()
        items = one.items() if isinstance(one, Mapping) else enumerate(one)
        for key, item in items:
            if isinstance(item, (Mapping, list, tuple)):
                stack.append(((*at, key), item))
            elif key == "pattern" and isinstance(item, str) and (said := danger(item)):
                found.add((*at, key), said, "write it without nested repetition")
            elif key in ("$ref", "$dynamicRef") and not str(item).startswith(("#", "urn:ballast:")):
                found.add((*at, key), f"{quoted(item)} points outside", "write the schema out here")


def kinds() -> tuple[str, ...]:
    """The kinds of document, as `kind:` names them."""
    return tuple(sorted(_kinds()))


def catalogue_kinds() -> tuple[str, ...]:
    """The kinds of catalogue file; their folder says which."""
    return ("goal", "strategy", "action", "metric", "dialect")


def limit(text: bytes) -> int:
    """How many bytes a document may have, by the kind that it seems to be."""
    match = _KIND.search(text[:_SNIFFED])
    kind = (match[1] or match[2]).decode() if match else ""
    return largest(kind)


def largest(kind: str) -> int:
    """How many bytes a document of that kind may have."""
    return _LIMITS.get(kind, LIMIT)


def seconds(duration: float | str) -> float:
    """Seconds of `90s`, `5m`, `1.5h`, `7d`, `250ms` or of a plain number. Raises ValueError."""
    if isinstance(duration, (int, float)) and not isinstance(duration, bool):
        return float(min(duration, sys.float_info.max))  # a whole number may be larger than any other
    if match := _DURATION.fullmatch(str(duration)):
        return float(match[1]) * _UNITS[match[2]]
    raise ValueError(f"{quoted(duration)} is no duration; write 90s, 5m, 24h, 7d or a number of seconds")


def _kind_of(value: Mapping[str, Any], expected: str | None, found: Findings) -> str | None:
    kind = value.get("kind")
    known = ", ".join(kinds())
    if kind is None:
        found.add((), 'the key "kind" is missing', f"add kind: {expected or f'one of {known}'}")
    elif not isinstance(kind, str) or kind not in _kinds():
        remedy = nearest(str(kind), kinds(), "known kinds")
        found.add(("kind",), f"{quoted(kind)} is no kind of document", remedy)
    elif expected is not None and kind != expected:
        remedy = f"give it to the workflow {kind}" if kind in ("Audit", "ActionPlan", "Rollback") else ""
        found.add(("kind",), f"is {quoted(kind)}, expected {quoted(expected)}", remedy)
    else:
        return str(kind)
    return None


@cache
def _schemas() -> Mapping[str, Any]:
    """Every schema of the package by the stem of its file."""
    folder = files("plan_schemas") / "documents"
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return {f.name.removesuffix(".yaml"): parse(f.read_bytes(), source=f.name) for f in found}


@cache
def _kinds() -> Mapping[str, str]:
    """Kind -> stem of its schema's file."""
    consts = {stem: schema.get("properties", {}).get("kind", {}) for stem, schema in _schemas().items()}
    return {const["const"]: stem for stem, const in consts.items() if "const" in const}


def _stem(kind: str) -> str:
    return _kinds().get(kind, kind)


@cache
def _registry() -> Any:
    own = [(schema["$id"], DRAFT202012.create_resource(schema)) for schema in _schemas().values()]
    registry: Any = Registry
    return registry(retrieve=_fetch_nothing).with_resources(own)


def _fetch_nothing(uri: str) -> Any:
    raise LookupError(f"{uri}: schemas are never fetched")


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    # JSON Schema's $ is the end of the text; Python's would let a line feed follow.
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern)


def _pattern(validator: Any, pattern: str, instance: Any, _: Any) -> Any:
    if validator.is_type(instance, "string") and not _compiled(pattern).search(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _longest(_: Any, most: str, instance: Any, _schema: Any) -> Any:
    """A keyword of ours: clocks and timers end somewhere, and a duration beyond them is a slip anyway."""
    try:
        too_long = seconds(instance) > seconds(most)
    except ValueError:  # its form is told by another keyword
        return
    if too_long:
        yield ValidationError(f"{instance!r} is longer than {most}")


def _is_integer(_: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_Validator: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"pattern": _pattern, "longest": _longest},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)
