"""As much of PromQL as the dialect `gauges` is written in; whatever else is asked is refused as bad data."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deploy.simcloud.gauges import Series

LOOKBACK = 300.0  # seconds in which an instant selector finds a sample
_TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<span>\d+[smhd])|(?P<word>[a-zA-Z_]\w*)|(?P<sign>[][(){},:]|=~|!=|!~|=))'
)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_OVER_TIME = ("avg_over_time", "max_over_time", "min_over_time")
_POINTS = 12  # at which a maximum or a minimum is looked for
Vector = list[tuple[dict[str, str], float]]
Find = Callable[[str], Iterator[Series]]


class BadData(ValueError):
    """What Prometheus would say of a query that it cannot parse."""


@dataclass
class Selected:
    """A selector, a range of it, or a subquery over timestamps of it."""

    series: list[Series]
    back: float | None = None
    times: bool = False


class Query:
    """One instant query at the moment `now`."""

    def __init__(self, text: str, find: Find, now: float, stamp: Callable[[float], float]) -> None:
        self._find, self._now, self._stamp = find, now, stamp
        self._left = list(self._tokens(text))[::-1]

    @staticmethod
    def _tokens(text: str) -> Iterator[tuple[str, str]]:
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise BadData(f"this Prometheus is simulated and cannot read: {text[at : at + 40].strip()}")
            yield str(found.lastgroup), found[str(found.lastgroup)]
            at = found.end()

    def run(self) -> Vector:
        out = self._either()
        if self._left:
            raise BadData(f"unexpected {self._left[-1][1]!r}")
        return out

    def _either(self) -> Vector:
        out = self._vector()
        while self._peek() == "or":
            self._take()
            known = [labels for labels, _ in out]
            seen = {tuple(sorted(labels.items())) for labels in known}
            out = out + [one for one in self._vector() if tuple(sorted(one[0].items())) not in seen]
        return out

    def _vector(self) -> Vector:
        if self._peek() == "(":
            self._take("(")
            out = self._either()
            self._take(")")
            return out
        word = self._take_kind("word")
        if word == "label_replace":
            return self._label_replace()
        if word in _OVER_TIME:
            self._take("(")
            ranged = self._ranged()
            self._take(")")
            return self._over_time(word, ranged)
        if word == "timestamp":
            return [(labels, stamp) for labels, stamp in self._timestamps(self._in_parentheses())]
        return self._instant(self._selector(word))

    def _label_replace(self) -> Vector:
        self._take("(")
        vector = self._either()
        texts = []
        for _ in range(4):
            self._take(",")
            texts.append(self._text())
        self._take(")")
        target, value, source, pattern = texts
        if source or pattern:
            raise BadData("this Prometheus is simulated: label_replace sets constants only")
        return [({**labels, target: value}, number) for labels, number in vector]

    def _ranged(self) -> Selected:
        word = self._take_kind("word")
        found = (
            Selected(self._in_parentheses(), times=True)
            if word == "timestamp"
            else Selected(self._selector(word))
        )
        self._take("[")
        found.back = self._span()
        if self._peek() == ":":
            self._take(":")
            self._span()
        self._take("]")
        return found

    def _in_parentheses(self) -> list[Series]:
        self._take("(")
        found = self._selector(self._take_kind("word"))
        self._take(")")
        return found

    def _selector(self, name: str) -> list[Series]:
        wanted: dict[str, str] = {}
        if self._peek() == "{":
            self._take("{")
            while self._peek() != "}":
                label = self._take_kind("word")
                self._take("=")
                wanted[label] = self._text()
                if self._peek() == ",":
                    self._take(",")
            self._take("}")
        every = {"cluster": "simcloud"}
        return [
            s
            for s in self._find(name)
            if all({**every, **s.labels}.get(k, "") == v for k, v in wanted.items())
        ]

    def _instant(self, chosen: list[Series]) -> Vector:
        return [
            ({"__name__": s.name, **s.labels}, s.value(s.newest, s.newest))
            for s in chosen
            if self._now - s.newest <= LOOKBACK
        ]

    def _timestamps(self, chosen: list[Series], back: float = LOOKBACK) -> Vector:
        return [(s.labels, self._stamp(s.newest)) for s in chosen if self._now - s.newest <= back]

    def _over_time(self, word: str, ranged: Selected) -> Vector:
        back = ranged.back or 0.0
        if ranged.times:
            return self._timestamps(ranged.series, back + LOOKBACK)
        begin, out = self._now - back, []
        for one in ranged.series:
            if one.newest < begin:
                continue
            if word == "avg_over_time":
                out.append((one.labels, one.value(begin, one.newest)))
            else:
                step = (one.newest - begin) / _POINTS
                points = [one.value(begin + i * step, begin + i * step) for i in range(_POINTS + 1)]
                out.append((one.labels, max(points) if word == "max_over_time" else min(points)))
        return out

    def _peek(self) -> str:
        return self._left[-1][1] if self._left else ""

    def _take(self, wanted: str = "") -> str:
        if not self._left or wanted not in ("", self._peek()):
            raise BadData(f"unexpected {self._peek() or 'end of input'!r}, expected {wanted!r}")
        return self._left.pop()[1]

    def _take_kind(self, kind: str) -> str:
        if not self._left or self._left[-1][0] != kind:
            raise BadData(f"unexpected {self._peek() or 'end of input'!r}, expected a {kind}")
        return self._left.pop()[1]

    def _text(self) -> str:
        return re.sub(r"\\(.)", r"\1", self._take_kind("text")[1:-1])

    def _span(self) -> float:
        text = self._take_kind("span")
        return float(text[:-1]) * _SECONDS[text[-1]]
