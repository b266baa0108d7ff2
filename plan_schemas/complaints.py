"""A JSON Schema's verdicts in words: where, what was found, what is expected, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from jsonschema.exceptions import best_match

from plan_schemas.problems import Findings, Path, quoted

_TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "nothing",
}
_SWITCHES = {"yes", "no", "on", "off", "y", "n", "true", "false", "True", "False"}
_MANY = 12  # known names that are listed in full

Error = Any  # jsonschema's ValidationError, whose typing makes a union of every attribute
Said = tuple[Path, str, str]  # below the error's own path: message, remedy


def tell(error: Error, found: Findings, base: Path = ()) -> None:
    """Adds what an error means to the findings; `base` is where the checked value stands in its document."""
    path = (*base, *error.absolute_path)
    if "propertyNames" in error.absolute_schema_path:
        expected = error.schema.get("title") if isinstance(error.schema, Mapping) else None
        found.add((*path, str(error.instance)), f"cannot be a key; expected {expected or 'another name'}")
        return
    say = _SAY.get(str(error.validator), _otherwise)
    for below, message, remedy in say(error):
        found.add((*path, *below), message, remedy)


def described(value: Any) -> str:
    """What was found, in words."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if isinstance(value, (int, float)):
        return f"the number {quoted(value)}"
    return "a mapping" if isinstance(value, Mapping) else "a list"


def nearest(name: str, known: Iterable[str], what: str = "known here") -> str:
    """The remedy for a name that does not exist: the one that was probably meant, or all there are."""
    names = sorted(known)
    if close := get_close_matches(name, names, n=1, cutoff=0.6):
        return f"did you mean {quoted(close[0])}?"
    listed = ", ".join(names[:_MANY]) + (", …" if len(names) > _MANY else "")
    return f"{what}: {listed or 'nothing'}"


def _expected(error: Error, otherwise: str) -> str:
    title = error.schema.get("title") if isinstance(error.schema, Mapping) else None
    return f"expected {title or otherwise}"


def _type(error: Error) -> Iterable[Said]:
    wanted = (
        [error.validator_value] if isinstance(error.validator_value, str) else list(error.validator_value)
    )
    value, remedy = error.instance, ""
    if value is None:
        remedy = "give it a value or remove the key"
    elif isinstance(value, str) and "boolean" in wanted and value in _SWITCHES:
        remedy = "write true or false, without quotes"
    elif isinstance(value, str) and {"integer", "number"} & set(wanted) and value.strip("+-").isdigit():
        remedy = "remove the quotes"
    elif isinstance(value, (bool, int, float)) and "string" in wanted:
        remedy = "put it in quotes"
    words = " or ".join(_TYPES[name] for name in wanted)
    yield (), f"is {described(value)}, {_expected(error, words)}", remedy


def _required(error: Error) -> Iterable[Said]:
    for name in error.validator_value:
        if name not in error.instance:
            yield (), f"the key {quoted(name)} is missing", "add it"


def _additional(error: Error) -> Iterable[Said]:
    known = error.schema.get("properties", {})
    for name in error.instance:
        if name not in known:
            left = [one for one in known if one not in error.instance]
            yield (name,), "unknown key", nearest(name, left or known)


def _enum(error: Error) -> Iterable[Said]:
    allowed = [str(one) for one in error.validator_value]
    expected = allowed[-1] if len(allowed) == 1 else ", ".join(allowed[:-1]) + " or " + allowed[-1]
    close = get_close_matches(str(error.instance), allowed, n=1)
    remedy = f"did you mean {close[0]}?" if close else ""
    yield (), f"is {described(error.instance)}, expected {expected}", remedy


def _const(error: Error) -> Iterable[Said]:
    yield (), f"is {described(error.instance)}, expected {quoted(error.validator_value)}", ""


def _pattern(error: Error) -> Iterable[Said]:
    yield (), f"is {quoted(error.instance)}, {_expected(error, f'text like {error.validator_value}')}", ""


def _bounded(words: str) -> Callable[[Error], Iterable[Said]]:
    def say(error: Error) -> Iterable[Said]:
        yield (), f"is {quoted(error.instance)}, {words} {error.validator_value}", ""

    return say


def _sized(unit: str, words: str) -> Callable[[Error], Iterable[Said]]:
    def say(error: Error) -> Iterable[Said]:
        size = len(error.instance)
        found = f"has {size:,} {unit}" if size else "is empty"
        yield (), f"{found}, {words} {error.validator_value:,}", ""

    return say


def _unique(error: Error) -> Iterable[Said]:
    for index, item in enumerate(error.instance):
        if item in error.instance[:index]:
            yield (index,), f"{quoted(item)} is listed twice", "remove one of them"


def _any_of(error: Error) -> Iterable[Said]:
    branches = [b for b in error.validator_value if isinstance(b, Mapping)]
    if branches and all(set(branch) == {"required"} for branch in branches):
        names = [" and ".join(branch["required"]) for branch in branches]
        yield (), f"needs {' or '.join(names)}", "add one of these keys"
        return
    best = best_match([error])
    if best is None or best is error:
        yield (), f"is {described(error.instance)}, {_expected(error, 'another value')}", ""
        return
    below = tuple(best.absolute_path)[len(error.absolute_path) :]
    for deeper, message, remedy in _SAY.get(str(best.validator), _otherwise)(best):
        yield (*below, *deeper), message, remedy


def _otherwise(error: Error) -> Iterable[Said]:
    yield (), f"is {described(error.instance)}, which the rule {error.validator} refuses", ""


_SAY: dict[str, Callable[[Error], Iterable[Said]]] = {
    "type": _type,
    "required": _required,
    "additionalProperties": _additional,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "minimum": _bounded("the least is"),
    "maximum": _bounded("the most is"),
    "longest": _bounded("the longest is"),
    "exclusiveMinimum": _bounded("expected more than"),
    "exclusiveMaximum": _bounded("expected less than"),
    "minLength": _sized("characters", "the least is"),
    "maxLength": _sized("characters", "the most is"),
    "minItems": _sized("items", "the least is"),
    "maxItems": _sized("items", "the most is"),
    "uniqueItems": _unique,
    "anyOf": _any_of,
    "oneOf": _any_of,
}
