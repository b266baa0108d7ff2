"""The value of a YAML text from its stream of events, so that nothing is expanded before it is checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from plan_schemas.plain import DEEPEST, resolve, unfit_scalar
from plan_schemas.problems import Findings, Path, quoted
from plan_schemas.syntax import explain

ABSENT: Any = object()
_ENOUGH = 50  # problems, after which reading stops
_NO_ALIAS = "write the value out where it is needed"


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is being filled."""

    into: Any
    path: Path
    is_list: bool
    key: Any = ABSENT  # of the value that comes next
    lines: Any = None  # of the keys so far


class Walk:
    """Builds the value from YAML's events and notes what is refused."""

    def __init__(self, found: Findings, positions: dict[Path, tuple[int, int]] | None) -> None:
        self.found = found
        self.positions = positions
        self.stack: list[_Frame] = []
        self.root: Any = ABSENT
        self.documents = 0
        self.is_no_yaml = False

    def over(self, text: str) -> Any:
        """The value of the text. Raises Invalid with all that was found."""
        handlers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: lambda e: self._open(e, {}),
            yaml.SequenceStartEvent: lambda e: self._open(e, []),
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }
        try:
            for event in yaml.parse(text, Loader=yaml.CSafeLoader):
                if (handle := handlers.get(type(event))) is not None:
                    handle(event)
                if len(self.found.problems) >= _ENOUGH:
                    break
        except yaml.YAMLError as error:
            self.is_no_yaml = not self.found.problems
            self.found.problems.append(explain(error, text, self.found.source))
        if self.root is ABSENT and not self.found.problems:
            self._refuse(None, "the document is empty")
        self.found.raise_if_any()
        return self.root

    def _refuse(self, mark: Any, message: str, remedy: str = "", path: Path = ()) -> None:
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        self.found.positions = {path: (line, column)}
        self.found.add(path, message, remedy)

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._refuse(event.start_mark, "a second document starts here", "keep one document to a file")

    def _common(self, event: Any) -> None:
        """What no node may have."""
        if event.anchor is not None:
            self._refuse(event.start_mark, f"anchors (&{event.anchor}) are not allowed", _NO_ALIAS)
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            remedy = "leave it out; put text that looks like a number in quotes"
            self._refuse(event.start_mark, f"tags ({tag}) are not allowed", remedy)

    def _alias(self, event: Any) -> None:
        self._refuse(event.start_mark, f"aliases (*{event.anchor}) are not allowed", _NO_ALIAS)
        self._place(None, event.start_mark)

    def _scalar(self, event: Any) -> None:
        if event.anchor is not None or event.tag is not None:
            self._common(event)
        text = event.value
        if self._expects_key():
            self._take_key(text, event)
        elif event.implicit[0]:  # plain: neither quoted nor tagged
            self._place(self._resolve(text, event), event.start_mark)
        else:
            self._place(text, event.start_mark)

    def _resolve(self, text: str, event: Any) -> Any:
        value = resolve(text)
        if said := unfit_scalar(value):
            self._refuse(event.start_mark, f"{quoted(text)} {said}", "put it in quotes if it is text")
        return value

    def _expects_key(self) -> bool:
        return bool(self.stack) and not self.stack[-1].is_list and self.stack[-1].key is ABSENT

    def _take_key(self, text: str, event: Any) -> None:
        frame, mark = self.stack[-1], event.start_mark
        path = (*frame.path, text)
        if event.implicit[0] and text == "<<":
            self._refuse(mark, "merge keys (<<) are not allowed", _NO_ALIAS, path)
        elif event.implicit[0] and not isinstance(resolve(text), str):
            self._refuse(mark, f"the key {quoted(text)} is not text", "put it in quotes", path)
        elif text in frame.into:
            remedy = f"it is already on line {frame.lines[text]}; remove one of them"
            self._refuse(mark, f"the key {quoted(text)} is given twice", remedy, path)
        frame.key = text
        frame.lines[text] = mark.line + 1
        if self.positions is not None:
            self.positions[path] = (mark.line + 1, mark.column + 1)

    def _place(self, value: Any, mark: Any) -> Path:
        """Puts a value where it belongs and returns its path."""
        if not self.stack:
            self.root = value if self.root is ABSENT else self.root
            if self.positions is not None:
                self.positions.setdefault((), (mark.line + 1, mark.column + 1))
            return ()
        frame = self.stack[-1]
        if frame.is_list:
            key = len(frame.into)
            frame.into.append(value)
            if self.positions is not None:
                self.positions[(*frame.path, key)] = (mark.line + 1, mark.column + 1)
            return (*frame.path, key)
        if frame.key is ABSENT:
            self._refuse(mark, "a key must be plain text", "put it in quotes or use a list", frame.path)
            frame.key = "?"
            return (*frame.path, "?")
        key, frame.key = frame.key, ABSENT
        frame.into[key] = value
        return (*frame.path, key)

    def _open(self, event: Any, into: Any) -> None:
        if event.anchor is not None or event.tag is not None:
            self._common(event)
        path = self._place(into, event.start_mark)
        if len(self.stack) >= DEEPEST:
            self._refuse(event.start_mark, f"is nested more than {DEEPEST} levels deep")
            self.found.raise_if_any()
        self.stack.append(_Frame(into, path, isinstance(into, list), lines={}))

    def _close(self, _: Any) -> None:
        self.stack.pop()
