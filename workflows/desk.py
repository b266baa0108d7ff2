"""PURE: the two sides of the permits' counter: what plans say to it, and what it owes them as answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows.exchange import Answer, Exchange
from workflows.grants import Ledger


@dataclass(slots=True)
class Owed:
    """What a plan has not been told yet."""

    granted: list[int] = field(default_factory=list)
    announce: bool = False


class Desk:
    """One cloud's ledger and the plans that are known at it. Deterministic in the order of calls."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.plans: dict[str, str] = {}  # id -> the run that spoke last
        self.opening = False  # nothing is granted before every plan said what it holds
        self.unheard: dict[str, None] = {}  # the plans that have not said it yet
        self._owed: dict[str, Owed] = {}
        self._told: dict[str, dict[str, str]] = {}  # why each ticket waits, as each plan knows it

    @property
    def frozen(self) -> str:
        return self.ledger.frozen

    # -- what plans say -----------------------------------------------------------------------------------

    def receive(self, said: Exchange) -> None:
        """An exchange may come twice: the second one changes nothing."""
        if said.leaves:
            self.gone(said.plan)
            return
        if said.announce:
            self._announced(said)
        elif self.plans.get(said.plan) != said.run:
            self._owe(said.plan).announce = True
        self.plans[said.plan] = said.run
        for ticket in said.gives_back:
            self.ledger.give_back((said.plan, ticket))
        for ticket in said.withdraws:
            self.ledger.give_back((said.plan, ticket), unused=True)
            self._unsay(said.plan, ticket)
        for want in said.keeps:
            self.ledger.trim(want.of(said.plan))
        for want in said.wants:
            self.ledger.ask(want.of(said.plan))
            if (said.plan, want.ticket) in self.ledger.held:  # it was granted, and is asked for again
                self._grant(said.plan, want.ticket)

    def _announced(self, said: Exchange) -> None:
        self.unheard.pop(said.plan, None)
        known = {want.ticket for want in (*said.holds, *said.wants)}
        held, waiting = self.ledger.of(said.plan)
        for wish in (*held, *waiting):
            if wish.ticket not in known:
                self.ledger.give_back(wish.key)
                self._unsay(said.plan, wish.ticket)
        for want in said.holds:
            self.ledger.hold(want.of(said.plan))
        if said.frozen and self.opening:  # whoever ended the permits did not thaw the cloud
            self.freeze(said.frozen)
        self._owe(said.plan)

    def gone(self, plan: str) -> list[str]:
        """A plan has ended: whatever it holds is free. Answers the actions that held something."""
        self.plans.pop(plan, None)
        self.unheard.pop(plan, None)
        self._owed.pop(plan, None)
        self._told.pop(plan, None)
        return [wish.action for wish in self.ledger.give_back_all(plan)]

    # -- opening ------------------------------------------------------------------------------------------

    def expect(self, plans: Iterable[str]) -> None:
        """These run, and may hold what this desk does not know of: each is asked."""
        for plan in plans:
            if plan not in self.plans:
                self.unheard[plan] = None
                self._owe(plan).announce = True

    def ask_again(self, plan: str) -> None:
        """The plan is not the one that was known under its id."""
        self._owe(plan).announce = True

    # -- freeze -------------------------------------------------------------------------------------------

    def freeze(self, why: str) -> None:
        self.ledger.frozen = why
        for plan in self.plans:
            self._owe(plan)

    def thaw(self) -> None:
        self.ledger.thaw()
        for plan in self.plans:
            self._owe(plan)

    # -- what plans are told ------------------------------------------------------------------------------

    def take(self, now: float, busy: Collection[str] = ()) -> dict[str, Answer]:
        """One answer for each plan that is owed one and is not being spoken to."""
        for wish in [] if self.opening else self.ledger.grant(now):
            self._grant(wish.plan, wish.ticket)
        out: dict[str, Answer] = {}
        for plan in [p for p in self._owed if p not in busy]:
            owed = self._owed.pop(plan)
            self._told[plan] = waiting = self._whys(plan)
            out[plan] = Answer(
                granted=owed.granted, waiting=waiting, frozen=self.frozen, announce=owed.announce
            )
        return out

    def refresh(self) -> None:
        """Owe an answer to whoever waits for something else than he knows of."""
        for plan in dict.fromkeys(wish.plan for wish in self.ledger.waiting.values()):
            if self._whys(plan) != self._told.get(plan):
                self._owe(plan)

    def why(self, key: tuple[str, int]) -> str:
        """Why a wish waits."""
        if self.opening and not self.frozen:
            asked = ", ".join([*self.unheard][:3]) or "the running plans"
            return f"permits were opened anew; {asked} must say first what is held"
        return self.ledger.why(key)

    def _whys(self, plan: str) -> dict[str, str]:
        return {str(wish.ticket): self.why(wish.key) for wish in self.ledger.of(plan)[1]}

    def _owe(self, plan: str) -> Owed:
        return self._owed.setdefault(plan, Owed())

    def _grant(self, plan: str, ticket: int) -> None:
        granted = self._owe(plan).granted
        if ticket not in granted:
            granted.append(ticket)

    def _unsay(self, plan: str, ticket: int) -> None:
        if plan in self._owed and ticket in self._owed[plan].granted:
            self._owed[plan].granted.remove(ticket)

    # -- as a document ------------------------------------------------------------------------------------

    def document(self) -> dict[str, Any]:
        """Everything, for the next run; `restored` reads it."""
        return {
            "plans": self.plans,
            "opening": self.opening,
            "unheard": list(self.unheard),
            "owed": {plan: [owed.granted, owed.announce] for plan, owed in self._owed.items()},
            "ledger": self.ledger.document(),
        }

    @staticmethod
    def restored(document: Mapping[str, Any]) -> Desk:
        out = Desk()
        out.ledger = Ledger.restored(document["ledger"])
        out.plans = dict(document["plans"])
        out.opening, out.unheard = document["opening"], dict.fromkeys(document["unheard"])
        out._owed = {plan: Owed(list(granted), ask) for plan, (granted, ask) in document["owed"].items()}
        return out
