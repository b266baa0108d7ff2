"""What a request may contain, and the words in which Nova's validation refuses anything else."""

from collections.abc import Iterable, Sequence
from typing import Any

from deploy.simcloud.clock import parse_moment
from deploy.simcloud.http import Call
from deploy.simcloud.refusal import Refusal

_YES, _NO = (
    ("True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes"),
    ("False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no"),
)
BOOLEANS = (True, *_YES, False, *_NO)


def invalid(field: str, value: Any, why: str) -> Refusal:
    return Refusal(400, f"Invalid input for field/attribute {field}. Value: {value}. {why}")


def unexpected(names: Iterable[str]) -> str:
    found = ", ".join(repr(name) for name in names)
    verb = "was" if "," not in found else "were"
    return f"Additional properties are not allowed ({found} {verb} unexpected)"


def key(call: Call, name: str) -> Any:
    """What is under the one key that a body needs."""
    if name not in call.body:
        raise Refusal(400, f"{name!r} is a required property")
    return call.body[name]


def words(name: str, given: Any) -> dict[str, str]:
    """An object of strings."""
    found = fields(name, given, known=(), open_ended=True)
    for one, value in found.items():
        if not isinstance(value, str):
            raise invalid(one, value, f"{value!r} is not of type 'string'")
    return found


def fields(
    name: str,
    given: Any,
    *,
    known: Iterable[str],
    required: Iterable[str] = (),
    nullable: bool = False,
    open_ended: bool = False,
) -> dict[str, Any]:
    """The object under a body's key; what is missing in it, what is too much, and null where it may be."""
    if given is None and nullable:
        return {}
    if not isinstance(given, dict):
        kinds = "'object', 'null'" if nullable else "'object'"
        raise invalid(name, given, f"{given!r} is not of type {kinds}")
    for one in required:
        if one not in given:
            raise invalid(name, given, f"{one!r} is a required property")
    strangers = [one for one in given if one not in set(known)]
    if strangers and not open_ended:
        raise invalid(name, given, unexpected(strangers))
    return given


def choice(name: str, value: Any, allowed: Sequence[Any]) -> str:
    if value not in allowed:
        raise invalid(name, value, f"{value!r} is not one of {list(allowed)}")
    return str(value)


def text(name: str, value: Any, *, nullable: bool = False) -> str | None:
    """A string that is not empty, or null where it may be."""
    if value is None and nullable:
        return None
    if not isinstance(value, str):
        kinds = "'string', 'null'" if nullable else "'string'"
        raise invalid(name, value, f"{value!r} is not of type {kinds}")
    if not value:
        raise invalid(name, value, f"{value!r} should be non-empty")
    return value


def query(call: Call, *known: str, since: int = 75) -> None:
    """From its microversion on a listing refuses the parameters that it does not know."""
    strangers = [name for name in call.query if name not in known]
    if strangers and call.at_least(since):
        raise Refusal(400, unexpected(strangers))


def moment(name: str, value: str) -> None:
    try:
        parse_moment(value)
    except Refusal:
        problem = f"{value!r} is not a 'date-time'"
        raise Refusal(400, f"Invalid input for query parameters {name}. Value: {value}. {problem}") from None


def boolean(value: str) -> None:
    """A yes or no of a query, as far as Nova guesses it."""
    words = ("0", "1", "f", "false", "n", "no", "off", "on", "t", "true", "y", "yes")
    if value.strip().lower() not in (*words, ""):
        listed = ", ".join(repr(word) for word in words)
        raise Refusal(400, f"Unrecognized value {value!r}, acceptable values are: {listed}")
