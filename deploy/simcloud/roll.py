"""The order of listings: newest first, kept sorted so that a page of 75,000 servers costs one search."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Roll:
    """Keys by descending creation time, as Nova lists servers and migrations."""

    _keys: list[tuple[float, str]] = field(default_factory=list)
    _created: dict[str, float] = field(default_factory=dict)

    def add(self, key: str, created: float) -> None:
        self._created[key] = created
        insort(self._keys, (-created, key))

    def remove(self, key: str) -> None:
        entry = (-self._created.pop(key), key)
        del self._keys[bisect_left(self._keys, entry)]

    def rank(self, key: str) -> tuple[float, str]:
        """What to sort a few of the keys by."""
        return (-self._created[key], key)

    def at(self, index: int) -> str:
        return self._keys[index][1]

    def __contains__(self, key: str) -> bool:
        return key in self._created

    def __len__(self) -> int:
        return len(self._keys)

    def after(self, marker: str | None = None) -> Iterator[str]:
        """Keys in order, beginning behind the marker."""
        start = 0 if marker is None else bisect_right(self._keys, self.rank(marker))
        for index in range(start, len(self._keys)):
            yield self._keys[index][1]
