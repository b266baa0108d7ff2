"""Query templates: where something may be put in, and how it is put in so that it stays what it is.

Nothing is pasted raw. `${labels}` becomes quoted matchers between braces, `${period}` and `${stale_after}`
whole seconds between brackets, `${subject}` the name of a label; anywhere else they are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Template

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"|' r"'(?:[^'\\]|\\.)*'|`[^`]*`", re.S)
_PLACES = {  # what stands around a placeholder where it may be
    "labels": re.compile(r"[{,]\s*\$\{labels\}\s*\}"),
    "period": re.compile(r"\[\s*\$\{period\}\s*(:\s*[0-9a-z]*\s*)?\]"),
    "stale_after": re.compile(r"\[\s*\$\{stale_after\}\s*(:\s*[0-9a-z]*\s*)?\]"),
    "subject": re.compile(r"[(,]\s*\$\{subject\}\s*[,)]"),
}
_SHOULD = {
    "labels": "last between braces, as in {mode=\"idle\",${labels}}",
    "period": "between brackets, as in [${period}]",
    "stale_after": "between brackets, as in [${stale_after}:1m]",
    "subject": "as a label between parentheses, as in by (${subject})",
}  # fmt: skip
_PLACEHOLDER = re.compile(r"\$\{(\w*)\}")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
KIND = "ballast"  # the label that tells numbers from the times of the newest samples
_BRACKETS = {")": "(", "]": "[", "}": "{"}


class NotThere(ValueError):
    """Something that cannot be put into a query; says what and why."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is put into the templates of one query."""

    subject: str  # the label that names the subject
    period: float
    stale_after: float
    labels: Mapping[str, str]


def problems(template: str) -> Iterator[str]:
    """Why a template is refused."""
    bare = _TEXT.sub('""', template)
    if "#" in bare:
        yield "has a comment, which would hide what comes after it"
    for name in dict.fromkeys(_PLACEHOLDER.findall(template)):
        if name not in _PLACES:
            yield f"${{{name}}} is nothing that is put in; known are {', '.join(_PLACES)}"
        elif len(_PLACES[name].findall(bare)) != len(re.findall(rf"\$\{{{name}\}}", template)):
            yield f"${{{name}}} may stand only {_SHOULD[name]}"
    if "$" in _PLACEHOLDER.sub("", template):
        yield "has a $ that begins nothing"
    if "${labels}" not in template:
        yield "lacks ${labels}, so that it would look at other clouds too"
    if not _is_closed(bare):
        yield "has a bracket that is not closed"


def _is_closed(bare: str) -> bool:
    """Each template stands in parentheses later and must not leave them."""
    opened: list[str] = []
    for char in _PLACEHOLDER.sub("", bare):
        if char in _BRACKETS.values():
            opened.append(char)
        elif char in _BRACKETS and (not opened or opened.pop() != _BRACKETS[char]):
            return False
    return not opened and bare.count('"') % 2 == 0 and not set("'`") & set(bare)


def filled(template: str, terms: Terms) -> str:
    """A template with all that is put in. Raises NotThere."""
    return Template(template).substitute(_put(terms))


def joined(parts: Mapping[str, str]) -> str:
    """Queries as one, whose answers are told apart by the label `ballast`."""
    return " or ".join(f'label_replace(({text}), "{KIND}", "{kind}", "", "")' for kind, text in parts.items())


def _put(terms: Terms) -> dict[str, str]:
    return {
        "subject": _label(terms.subject),
        "period": _seconds(terms.period),
        "stale_after": _seconds(terms.stale_after),
        "labels": ",".join(f"{_label(k)}={quoted(v)}" for k, v in sorted(terms.labels.items())),
    }


def quoted(value: str) -> str:
    """A text as PromQL has it in double quotes. Raises NotThere for one that is not readable on one line."""
    if not value.isprintable():
        raise NotThere(f"{value!r} has characters that cannot be in a label's value")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _label(name: str) -> str:
    if not _LABEL.fullmatch(name):
        raise NotThere(f"{name!r} is no name of a label")
    return name


def _seconds(value: float) -> str:
    if not 1 <= value <= 86400 * 366:
        raise NotThere(f"{value!r} s is no time to look back; take 1 s to a year")
    return f"{round(value)}s"
