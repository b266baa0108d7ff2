"""What every request asked and what became of it, one JSON line each, written before the reply leaves."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TextIO

SECRET_KEYS = frozenset({"password", "secret", "adminPass", "adminpass", "token", "user_data"})


@dataclass
class Journal:
    """Lines in memory (the newest `keep`) and, if a sink is set, in a file."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    sink: TextIO | None = None
    keep: int = 200_000
    count: int = 0
    wall: Callable[[], str] | None = None  # a served cloud knows the time of day; a pure one does not

    def next_seq(self) -> int:
        self.count += 1
        return self.count

    def write(self, line: dict[str, Any]) -> None:
        self.lines.append(line)
        if len(self.lines) > self.keep:
            del self.lines[: self.keep // 10]
        if self.sink is not None:
            self.sink.write(json.dumps(line, separators=(",", ":")) + "\n")
            self.sink.flush()

    def requests(self, **match: Any) -> list[dict[str, Any]]:
        """The processed requests whose fields equal the given ones."""
        return [
            line
            for line in self.lines
            if line["event"] == "processed" and all(line.get(key) == value for key, value in match.items())
        ]

    def __deepcopy__(self, memo: dict[int, Any]) -> "Journal":
        """A copied cloud writes no file: two writers would mix their lines."""
        return Journal(lines=[dict(line) for line in self.lines], keep=self.keep, count=self.count)


def redacted(body: Any) -> Any:
    """The body with every secret replaced; the shape stays."""
    if isinstance(body, dict):
        return {
            key: "***"
            if key == "token" or (key in SECRET_KEYS and isinstance(value, str))
            else redacted(value)
            for key, value in body.items()
        }
    if isinstance(body, list):
        return [redacted(item) for item in body]
    return body
