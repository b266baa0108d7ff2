"""How the demo tells its story on a terminal: headings, lines with the time, small tables."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence

STARTED = time.monotonic()
COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
MARKS = {
    "SUCCEEDED": "32",
    "REVERTED": "32",
    "ONGOING": "36",
    "REVERTING": "36",
    "SKIPPED": "33",
    "CANCELLED": "33",
    "BLOCKED": "33",
    "FAILED": "31",
    "REVERT_FAILED": "31",
}


def heading(text: str) -> None:
    print(f"\n{_paint('1', f'── {text} ')}{_paint('2', '─' * max(0, 88 - len(text)))}", flush=True)


def say(text: str) -> None:
    print(f"{_paint('2', f'{time.monotonic() - STARTED:6.1f} s')}  {text}", flush=True)


def state(word: str) -> str:
    return _paint(MARKS.get(word, "0"), f"{word:<10}")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns as wide as their widest cell."""
    cells = [list(head), *([str(c) for c in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for i, row in enumerate(cells):
        line = "  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip()
        print("          " + (_paint("1", line) if i == 0 else line))
    sys.stdout.flush()


def _paint(code: str, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR and code != "0" else text
