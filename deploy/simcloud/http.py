"""Requests and answers as values, and the table that finds who answers."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from deploy.simcloud.cloud import Cloud
from deploy.simcloud.identity import Caller
from deploy.simcloud.refusal import Refusal

Version = tuple[int, int]


@dataclass(frozen=True)
class Request:
    """One HTTP request; `query` and `headers` (lower case) hold the last value of each name."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @classmethod
    def parse(cls, method: str, url: str, headers: Mapping[str, str], raw: bytes | str | None) -> "Request":
        """From what a wire or a requests session carries."""
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        lower = {name.lower(): value for name, value in headers.items()}
        body: Any
        try:
            if raw and parts.path.startswith(
                "/prometheus/"
            ):  # a form, as all others say too without meaning it
                body = dict(parse_qsl(raw if isinstance(raw, str) else raw.decode()))
            else:
                body = json.loads(raw) if raw else None
        except ValueError:
            body = Malformed
        return cls(method, re.sub(r"/{2,}", "/", parts.path), query, lower, body)

    @property
    def action(self) -> str | None:
        """The one key of an action's body."""
        if (
            self.method == "POST"
            and self.path.endswith("/action")
            and isinstance(self.body, dict)
            and self.body
        ):
            return str(next(iter(self.body)))
        return None

    @property
    def origin(self) -> str:
        """Where the client believes the service is, for links and the catalogue."""
        return f"{self.headers.get('x-forwarded-proto', 'http')}://{self.headers.get('host', 'simcloud')}"


Malformed = object()


@dataclass
class Response:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""  # in place of a body in JSON

    def raw(self) -> bytes:
        if self.text:
            return self.text.encode()
        return b"" if self.body is None else json.dumps(self.body, separators=(",", ":")).encode()


@dataclass
class Call:
    """A request with everything its handler needs."""

    cloud: Cloud
    request: Request
    by: Caller
    version: Version
    arguments: dict[str, str]
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        if not isinstance(self.request.body, dict):
            raise Refusal(400, "Malformed request body")
        return self.request.body

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query

    def inside(self, name: str) -> dict[str, Any]:
        """The object under the one key of the body."""
        given = self.body.get(name, {})
        if not isinstance(given, dict):
            problem = f"{given!r} is not of type 'object'"
            raise Refusal(400, f"Invalid input for field/attribute {name}. Value: {given}. {problem}")
        return given

    def at_least(self, minor: int, major: int = 2) -> bool:
        return self.version >= (major, minor)

    def __getitem__(self, name: str) -> str:
        return self.arguments[name]


Handler = Callable[[Call], Response]


class Routes:
    """A service's paths; `{name}` stands for one path segment."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._table: list[tuple[str, re.Pattern[str], Handler]] = []

    def on(self, method: str, path: str) -> Callable[[Handler], Handler]:
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "/?$")

        def add(handler: Handler) -> Handler:
            self._table.append((method, pattern, handler))
            return handler

        return add

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]]:
        """The handler with its arguments, or 404 / 405."""
        allowed = False
        for verb, pattern, handler in self._table:
            match = pattern.match(path)
            if match is None:
                continue
            if verb == method:
                return handler, match.groupdict()
            allowed = True
        raise Refusal(
            405 if allowed else 404, "Method not allowed" if allowed else "The resource could not be found."
        )


def whole(value: Any, name: str) -> int:
    """A whole number that a client sent."""
    try:
        return int(value)
    except (TypeError, ValueError):
        raise Refusal(400, f"{name} must be an integer, got {value}") from None


def truth(text: str | None) -> bool:
    """A boolean as query strings carry it."""
    return text is not None and text.strip().lower() in ("1", "true", "t", "yes", "y", "on", "")
