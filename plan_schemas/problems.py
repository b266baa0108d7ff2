"""What is wrong with a document: each problem with place and remedy, collected and raised together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

Path = tuple[str | int, ...]  # keys and list indices from the root to a value
Positions = Mapping[Path, tuple[int, int]]  # path -> (line, column), both counted from 1

_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$/-]*")
_LONGEST = 160  # characters of a path
_SHOWN = 10  # problems in the one line that goes over Temporal


def show_path(path: Path) -> str:
    """`actions[3].parameters.instance`; keys that are not plain words stand in brackets and quotes."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            out += f".{part}" if out else part
        else:
            out += f"[{quoted(part)}]"
    return out if len(out) <= _LONGEST else f"{out[: _LONGEST - 1]}…"


def quoted(value: Any, longest: int = 60) -> str:
    """A value as it may stand in a message: on one line, escaped, cut when long."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; `str()` gives `file:line:column path: message; remedy`."""

    source: str
    line: int | None
    column: int | None
    path: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}:{self.column}" if self.line else self.source
        where = f"{place} {self.path}" if self.path else place
        return f"{where}: {self.message}" + (f"; {self.remedy}" if self.remedy else "")

    def as_row(self) -> dict[str, Any]:
        return asdict(self)


class Invalid(ValueError):
    """A document is refused; carries every problem that was found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        said = [str(p) for p in self.problems[:_SHOWN]]
        if len(self.problems) > _SHOWN:
            said.append(f"and {len(self.problems) - _SHOWN} more")
        super().__init__(" | ".join(said))


@dataclass
class Findings:
    """Collects the problems of one document, and knows where in its text each path stands."""

    source: str = "input"
    positions: Positions | None = None
    problems: list[Problem] = field(default_factory=list)

    def add(self, path: Path, message: str, remedy: str = "") -> None:
        """A problem of the value at a path; it points at the value or, when that is absent, at its parent."""
        line, column = self._position(path)
        self.problems.append(Problem(self.source, line, column, show_path(path), message, remedy))

    def _position(self, path: Path) -> tuple[int | None, int | None]:
        for length in range(len(path), -1, -1):
            if self.positions and path[:length] in self.positions:
                return self.positions[path[:length]]
        return None, None

    def raise_if_any(self) -> None:
        if self.problems:
            raise Invalid(self.problems)
