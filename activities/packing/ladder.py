"""Instances from the smallest to the largest, in stretches of which the greatest needs are known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from activities.packing.board import Floats, Ints, Mask

_STRETCH = 2_048


class Ladder:
    """Tells those that are no larger than one of them and give enough of what hosts lack, stretch by stretch.

    A search for a few of the smallest looks so at a few stretches, and passes by those in which none helps.
    """

    def __init__(self, size: Floats, needs: Floats) -> None:
        self._order: Ints = np.argsort(size, kind="stable")
        self._size = size[self._order]
        starts = np.arange(0, len(size), _STRETCH)
        ordered = needs[:, self._order]
        self._most: Floats = np.maximum.reduceat(ordered, starts, axis=1) if len(size) else ordered

    def helping(self, size: float, lacking: Floats, columns: list[int]) -> Iterator[tuple[Ints, Mask]]:
        """Those of a few stretches, and which hosts one of them might give what they lack, [columns, hosts].

        Of ever more stretches: where few help, all are soon looked at.
        """
        end = int(np.searchsorted(self._size, size, side="right"))
        most = self._most[columns, : -(-end // _STRETCH), None]
        enough: Mask = np.all(lacking[:, None, :] <= most, axis=0)
        useful, several = np.flatnonzero(enough.any(axis=1)).tolist(), 1
        while useful:
            some, useful, several = useful[:several], useful[several:], 2 * several
            each = [self._order[n * _STRETCH : min((n + 1) * _STRETCH, end)] for n in some]
            hosts: Mask = np.any(enough[some], axis=0)
            yield np.concatenate(each), hosts
