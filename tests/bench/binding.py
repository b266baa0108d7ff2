"""How often rules decide: a search for broken ones that meets none to break has shown nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache

from tests.judge.picture import Picture, Row, Terms
from tests.judge.places import placing, staying


class Binding:
    """A cloud as the judge sees it, on which several plans are looked at."""

    def __init__(self, snapshot: Row) -> None:
        self._picture = picture = Picture(snapshot)
        everywhere = Terms(picture)

        @cache
        def against(instance: str, host: str) -> frozenset[str]:
            return frozenset(rule for rule, _ in placing(picture, everywhere, instance, host))

        self._against = against

    def rules(self, plan: Row, audit: Row) -> Counter[str]:
        """For each rule, how many servers it alone keeps where they are, or away from a host that nothing
        else forbids to one that moves; `order` counts the moves that must wait for room.
        """
        return Counter([*self._held(audit), *self._kept_away(plan), *self._waiting(plan)])

    def _held(self, audit: Row) -> Iterator[str]:
        terms = Terms(self._picture, audit)
        for instance, host in self._picture.where.items():
            rules = {rule for rule, _ in staying(self._picture, terms, instance)} if host else set()
            if len(rules) == 1:
                yield from rules

    def _kept_away(self, plan: Row) -> Iterator[str]:
        moves = [a["parameters"] for a in plan["actions"] if a["type"] == "migrate"]
        for move in moves:
            for host in self._picture.hosts.keys() - {move["source"], move["destination"]}:
                rules = self._against(move["instance"], host)
                if len(rules) == 1:
                    yield from rules

    def _waiting(self, plan: Row) -> Iterator[str]:
        yield from ("order" for a in plan["actions"] if a["type"] == "migrate" and a.get("freed_by"))
