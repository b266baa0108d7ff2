"""Which regular expressions may take for ever: Python's engine backtracks, so repetition must not nest."""

from __future__ import annotations

import re
import warnings

_REPEAT = re.compile(r"[*+?]|\{(\d*)(,?)(\d*)\}")

_WIDE = 10  # times: a repetition that may go on for so long
_MOST_WIDE = 2  # of them in one pattern: the time grows with the square of the text


def danger(pattern: str) -> str | None:
    """Why a pattern is refused: it does not compile, or repeats what itself varies; None when it is harmless.

    Deliberately strict: a repeated group may hold neither a repetition of variable length nor a choice, and
    only two repetitions may be wide.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"is no regular expression: {error}"
    varies = [False]  # for each open group: whether it can match texts of different length or kind
    at = wide = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "\\":
            at += 1
        elif char == "[":
            at = _end_of_class(pattern, at)
        elif char == "(":
            varies.append(False)
            at = _after_prefix(pattern, at)
            continue
        elif char == "|":
            varies[-1] = True
            continue
        inner = varies.pop() if char == ")" and len(varies) > 1 else False
        repeat = _REPEAT.match(pattern, at)
        if repeat is not None:
            at = repeat.end()
            if pattern[at : at + 1] in ("?", "+"):  # lazy or possessive
                at += 1
            if inner and _most(repeat) > 1:
                return "repeats what itself varies, which can take for ever"
            wide += _varies(repeat) and _most(repeat) >= _WIDE
            if wide > _MOST_WIDE:
                return f"has more than {_MOST_WIDE} wide repetitions, which can take for ever"
        varies[-1] = varies[-1] or inner or (repeat is not None and _varies(repeat))
    return None


def _end_of_class(pattern: str, at: int) -> int:
    """The index behind a character class whose [ ends at `at`."""
    at += pattern[at : at + 1] == "^"
    at += pattern[at : at + 1] == "]"
    while at < len(pattern) and pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
    return at + 1


def _after_prefix(pattern: str, at: int) -> int:
    """The index behind `?:`, `?=`, `?P<name>` and the like."""
    prefix = re.compile(r"\?(P?<[A-Za-z_]\w*>|<?[=!]|[aiLmsux-]*:|>)?").match(pattern, at)
    return prefix.end() if prefix else at


def _most(repeat: re.Match[str]) -> float:
    if repeat[0] == "?":
        return 1
    if repeat[0] in ("*", "+"):
        return float("inf")
    least, comma, most = repeat.groups()
    return float(most or ("inf" if comma else least or 0))


def _varies(repeat: re.Match[str]) -> bool:
    least, comma, most = repeat.groups()
    return repeat[0] in ("*", "+", "?") or (bool(comma) and least != most)
