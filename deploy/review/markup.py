"""HTML that cannot be broken out of: whatever is text is escaped, by construction."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from html import escape


class Markup(str):
    """Text that is HTML already; only `tag`, `joined` and `raw` make it."""

    __slots__ = ()


def tag(element: str, /, *children: object, **attributes: object) -> Markup:
    """An element; `class_` and the like lose their underscore, `aria_label` becomes `aria-label`. What is
    None or False is left out, True stands without a value."""
    said = "".join(_attribute(k, v) for k, v in attributes.items() if v is not None and v is not False)
    if element in ("meta", "rect", "line"):
        return Markup(f"<{element}{said}>" if element == "meta" else f"<{element}{said}/>")
    return Markup(f"<{element}{said}>{joined(children)}</{element}>")


def joined(children: Iterable[object]) -> Markup:
    """One after the other: Markup as it is, text escaped, sequences in their order."""
    out: list[str] = []
    for child in children:
        if isinstance(child, Markup):
            out.append(child)
        elif isinstance(child, str):
            out.append(escape(printable(child)))
        elif isinstance(child, Iterable):
            out.append(joined(child))
        elif child is not None:
            out.append(escape(str(child)))
    return Markup("".join(out))


def raw(text: str) -> Markup:
    """For what is written here, such as the style sheet; never for what comes from a cloud or a person."""
    return Markup(text)


def _attribute(name: str, value: object) -> str:
    name = name.rstrip("_").replace("_", "-") if name != "viewBox" else name
    return f" {name}" if value is True else f' {name}="{escape(printable(str(value)))}"'


def printable(text: str) -> str:
    """The same with every control and direction mark visible: names are whatever somebody typed."""
    if text.isprintable():
        return text
    return "".join(
        c if c in "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn") else "�" for c in text
    )
