"""PURE: the two sides of the permits' counter: what plans say to it, and what it owes them as answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from workflows.sharing.exchange import Answer, Exchange
from workflows.sharing.grants import Ledger
from workflows.sharing.queues import Wish


@dataclass(slots=True)
class Owed:
    """What a plan has not been told yet."""

    granted: list[int] = field(default_factory=list)
    announce: bool = False


ANY = 1 << 30  # a limit that is none


@dataclass(slots=True)
class Lost:
    """A plan that ended without a word. What it holds may still move."""

    why: str
    blind: bool  # nobody knows all that it holds


class Desk:
    """One cloud's ledger and the plans that are known at it. Deterministic in the order of calls."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.plans: dict[str, str] = {}  # id -> the run that spoke last
        self.opening = False  # nothing is granted before every plan said what it holds
        self.unheard: dict[str, None] = {}  # the plans that have not said it yet
        self.alone = ""  # the one plan that may start anything unasked; nothing is granted meanwhile
        self._since = ""  # which exchange of its own
        self._idle = ""  # the same, once it was seen to carry nothing out
        self._last: dict[str, str] = {}  # the last exchange of each plan
        self._apart: dict[str, None] = {}  # plans that always ask
        self.lost: dict[str, Lost] = {}  # by the name under which they still hold
        self._owed: dict[str, Owed] = {}
        self._told: dict[str, dict[str, str]] = {}  # why each ticket waits, as each plan knows it

    @property
    def frozen(self) -> str:
        return self.ledger.frozen

    # -- what plans say -----------------------------------------------------------------------------------

    def receive(self, said: Exchange) -> None:
        """An exchange may come twice: the second one changes nothing."""
        if self.plans.get(said.plan, said.run) != said.run:
            self._other_run(said)
        if said.leaves:
            self.gone(said.plan)
            return
        self._hear(said)
        if said.announce:
            self._announced(said)
        elif self.plans.get(said.plan) != said.run:
            self._owe(said.plan).announce = True
        self.plans[said.plan] = said.run
        if self.alone not in ("", said.plan) and (said.wants or said.holds):
            self._owe(self.alone).announce = True
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

    def _hear(self, said: Exchange) -> None:
        """Whoever speaks was not told, or does not believe any more, that he is alone."""
        if self.alone == said.plan and self._since != said.name:
            self.alone = self._since = ""
        self._last[said.plan] = said.name
        if said.apart or any(want.rates for want in said.wants):
            self._apart[said.plan] = None

    def _other_run(self, said: Exchange) -> None:
        """A plan goes on, or another one under its id. What nobody gave back may still move."""
        if said.continues:
            self.gone(said.plan)
        else:
            self.bury(said.plan, "replaced")

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
        self._last.pop(plan, None)
        self._apart.pop(plan, None)
        if self.alone == plan:
            self.alone = self._since = ""
        return [wish.action for wish in self.ledger.give_back_all(plan)]

    # -- those that ended without a word ------------------------------------------------------------------

    def bury(self, plan: str, why: str) -> list[str]:
        """What the plan's instances hold stays taken until the cloud was seen; answers their actions."""
        blind, run = plan in self.unheard or self.alone == plan, self.plans.get(plan, "")
        held = [wish for wish in self.ledger.of(plan)[0] if instances(wish)]
        name = f"{plan} ({why}{f', run {run[:8]}' if run else ''})"
        self.gone(plan)
        for wish in held:
            self.ledger.hold(replace(wish, plan=name))
        if held or blind:
            self.lost[name] = Lost(why, blind)
        return [wish.action for wish in held]

    @property
    def blind(self) -> str:
        """Why nothing can be granted before the cloud was asked what moves; empty when all is known."""
        return next((f"{name} held what nobody knows" for name, one in self.lost.items() if one.blind), "")

    def seen(
        self, names: Iterable[str], moving: Collection[str], moves: Iterable[Mapping[str, str]]
    ) -> list[str]:
        """The cloud was looked at: what does not move is free. Answers the actions that were freed. Where it
        was not known what moves, `moves` are all that our own user has under way there."""
        freed, rows = [], list(moves)
        under_way = {*moving, *(row["instance"] for row in rows)}
        for name in [n for n in names if n in self.lost]:
            if self.lost[name].blind:
                self._hold_all(name, rows)
                self.lost[name].blind = False
            for wish in self.ledger.of(name)[0]:
                if not instances(wish) & under_way:
                    self.ledger.give_back(wish.key)
                    freed.append(wish.action)
            if not self.ledger.of(name)[0]:
                del self.lost[name]
        return freed

    def _hold_all(self, name: str, moves: Iterable[Mapping[str, str]]) -> None:
        known = {i for wish in self.ledger.held.values() for i in instances(wish)}
        for number, move in enumerate(moves):
            if move["instance"] not in known:
                slots = {f"instance/{move['instance']}": 1}
                slots |= {f"host/{move[side]}/{side}": ANY for side in ("out", "in") if move.get(side)}
                self.ledger.hold(Wish(name, -1 - number, move["instance"], slots))

    def held_by_lost(self) -> list[str]:
        """The instances to look for."""
        found = (i for name in self.lost for wish in self.ledger.of(name)[0] for i in instances(wish))
        return sorted(set(found))

    def idle(self, plan: str) -> None:
        """The plan was looked at, and carries nothing out. One that was asked what it holds, and is seen so
        once more later, is not waited for: it reads the question before it starts anything."""
        asked = any(wish.plan != plan for wish in self.ledger.waiting.values())
        if self.alone != plan or not asked or (plan in self._owed and self._owed[plan].announce):
            return
        if self._idle == self._since:
            self.alone = self._since = ""
        else:
            self._idle = self._since

    def in_the_way(self) -> set[str]:
        """The plans that others wait for, as far as they may still run."""
        asked = {self.alone} - {""} if self.ledger.waiting else set()
        return (self.ledger.in_the_way() | asked) - {*self.lost}

    # -- opening ------------------------------------------------------------------------------------------

    def expect(self, plans: Iterable[str]) -> None:
        """These run, and may hold what this desk does not know of: each is asked."""
        for plan in plans:
            if plan not in self.plans:
                self.unheard[plan] = None
                self._owe(plan).announce = True

    def mourn(self, plans: Iterable[str]) -> None:
        """These ended without a word, and whoever knew what they held is no more: the cloud is asked."""
        for plan in plans:
            self.lost[f"{plan} (ended before the permits were opened anew)"] = Lost("ended before", True)

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

    def let_go(self) -> list[str]:
        """A person's word: nobody is waited for who may never speak. Answers who is let go."""
        out = [*self.lost]
        for name in out:
            self.ledger.give_back_all(name)
        self.lost = {}
        if self.alone and len(self.plans) > 1:
            out.append(self.alone)
            self.alone = self._since = ""
        return out

    # -- what plans are told ------------------------------------------------------------------------------

    def take(self, now: float, busy: Collection[str] = ()) -> dict[str, Answer]:
        """One answer for each plan that is owed one and is not being spoken to."""
        for wish in [] if self.opening or self.alone or self.blind else self.ledger.grant(now):
            self._grant(wish.plan, wish.ticket)
        out: dict[str, Answer] = {}
        for plan in [p for p in self._owed if p not in busy]:
            owed = self._owed.pop(plan)
            self._told[plan] = waiting = self._whys(plan)
            alone = 0 if owed.announce else self._alone(plan)
            out[plan] = Answer(
                granted=owed.granted,
                waiting=waiting,
                frozen=self.frozen,
                alone=alone,
                announce=owed.announce,
            )
        return out

    def _alone(self, plan: str) -> int:
        """The plan's last exchange, if from now on it may start anything unasked: there is nobody else."""
        known = len(self.plans) == 1 and plan in self._last and plan not in self._apart
        if not known or self.opening or self.unheard or self.lost or self.ledger.plans() - {plan}:
            return 0
        self.alone, self._since = plan, self._last[plan]
        return int(self._since.rpartition("/")[2])

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
        if self.alone and not self.frozen:
            return f"{self.alone}, which had the cloud to itself, must say first what it holds"
        if self.blind and not self.frozen:
            return f"{self.blind}; the cloud is asked what still moves"
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
            "alone": [self.alone, self._since],
            "last": self._last,
            "apart": list(self._apart),
            "lost": {name: [one.why, one.blind] for name, one in self.lost.items()},
            "owed": {plan: [owed.granted, owed.announce] for plan, owed in self._owed.items()},
            "ledger": self.ledger.document(),
        }

    @staticmethod
    def restored(document: Mapping[str, Any]) -> Desk:
        out = Desk()
        out.ledger = Ledger.restored(document["ledger"])
        out.plans = dict(document["plans"])
        out.opening, out.unheard = document["opening"], dict.fromkeys(document["unheard"])
        out.alone, out._since = document["alone"]
        out._last, out._apart = dict(document["last"]), dict.fromkeys(document["apart"])
        out.lost = {name: Lost(why, blind) for name, (why, blind) in document["lost"].items()}
        out._owed = {plan: Owed(list(granted), ask) for plan, (granted, ask) in document["owed"].items()}
        return out


def instances(wish: Wish) -> set[str]:
    """The instances that a wish is about."""
    return {name.removeprefix("instance/") for name in wish.slots if name.startswith("instance/")}
