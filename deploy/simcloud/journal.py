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
    commit: Callable[[], None] | None = None  # keeps the cloud's state; a killed server has no other memory

    def next_seq(self) -> int:
        self.count += 1
        return self.count

    def write(self, line: dict[str, Any]) -> None:
        self.lines.append(line)
        if len(self.lines) > self.keep:
            del self.lines[: self.keep // 10]
        if line.get("method", "GET") != "GET" or "faults" in line:
            self.remember()  # first, for what the file tells must be so after a kill -9 as well
        self._put(line)

    def remember(self) -> None:
        if self.commit is not None:
            self.commit()

    def _put(self, line: dict[str, Any]) -> None:
        if self.sink is not None:
            self.sink.write(json.dumps(line, separators=(",", ":")) + "\n")
            self.sink.flush()

    def catch_up(self, written: list[dict[str, Any]]) -> None:
        """After a restart: write what was remembered, but not written any more."""
        known = {(line["seq"], line["event"]) for line in written}
        newest = max((line["seq"] for line in written), default=0)
        for line in self.lines[-1:]:
            if (line["seq"], line["event"]) not in known:
                self._put(line)
        self.count = max(self.count, newest)  # reads were numbered too, and not remembered

    def requests(self, **match: Any) -> list[dict[str, Any]]:
        """The processed requests whose fields equal the given ones."""
        return [
            line
            for line in self.lines
            if line["event"] == "processed" and all(line.get(key) == value for key, value in match.items())
        ]

    def __getstate__(self) -> dict[str, Any]:
        """What survives in a file: neither open files nor the past, which is in the journal's own."""
        return {**self.__dict__, "lines": self.lines[-1:], "sink": None, "wall": None, "commit": None}

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
