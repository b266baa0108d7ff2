"""PURE: a plan's side of its permits: what it asked for, what it was granted, what it still has to say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from plan_schemas.budget import BUDGET, RESERVE
from plan_schemas.plan import Action, Plan
from workflows.sharing.exchange import Answer, Exchange, Want
from workflows.sharing.grants import Ledger
from workflows.sharing.slots import rates, slots

UNHEARD = "waits for an answer from the permits of its cloud"
ASKED = "waits for its permit"
OWN = "waits for other actions of this plan to end"


class Leave:
    """One plan's tickets. An action holds all that it needs from before its start to after its end."""

    def __init__(self, plan: str, run: str, cloud: str) -> None:
        self.plan, self.run, self.cloud = plan, run, cloud
        self.heard = False  # whether it is known if the cloud is frozen
        self.answers = 0  # that this run of the plan heard
        self.frozen = ""
        self.asked: dict[str, Want] = {}  # by action: what waits
        self.held: dict[str, Want] = {}
        self.why: dict[str, str] = {}
        self._last = 0
        self._arrived: dict[str, None] = {}  # granted, and not started yet
        self._shared: set[int] = set()  # tickets of actions that prepare the way for another one
        self._spare: dict[int, Want] = {}  # what such an action leaves, until the loop has looked who is next
        self._news: dict[str, Any] = {}  # for the next exchange
        self._greeted = False
        self.continues = False  # whether an earlier run of this plan gave back all that it held
        self._number = 0  # of the last exchange
        self._apart = False  # budgets are counted over all plans: only the permits can
        self._own: Ledger | None = None  # while nobody else is on this cloud: nobody needs to be asked

    def document(self) -> dict[str, Any]:
        """What the next run of the plan must know, once nothing is held or asked for; the permits are told
        anew."""
        return {
            "last": self._last,
            "number": self._number,
            "heard": self.heard,
            "frozen": self.frozen,
            "spoke": self._greeted,
            "apart": self._apart,
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Go on: tickets are used once, whichever run they are of."""
        self._last, self.heard, self.frozen = document["last"], document["heard"], document["frozen"]
        self._number, self.continues = document["number"], True
        self._apart = document["apart"]
        if document["spoke"]:
            self.announce()

    @property
    def obstacle(self) -> str:
        """Why nothing at all may start now."""
        return self.frozen if self.heard else UNHEARD

    @property
    def waits(self) -> str:
        """What the actions wait for, as far as it is known why: budget, reserve or permits; empty if none."""
        whys = [why for why in self.why.values() if why != ASKED]
        for word, name in (("budget", BUDGET), ("reserve", RESERVE)):
            if whys and all(why.startswith(f"waits for {name}") for why in whys):
                return word
        return "permits" if whys else ""

    @property
    def listens(self) -> bool:
        """Whether the plan waits for a word that only the permits can say."""
        return self._greeted and self._own is None and bool(self.asked or self.frozen or not self.heard)

    # -- what actions need ------------------------------------------------------------------------------

    def greet(self) -> None:
        """Before the first start: is the cloud frozen?"""
        if not self._greeted:
            self._greeted = True
            self.announce()

    def has(self, action: Action, plan: Plan, ahead: Action | None = None) -> bool:
        """Whether an action may start at once; else it is asked for, with what the action that it prepares
        for will need: that one must not find its slots taken when its turn comes."""
        own, times = slots(action, plan), rates(action, plan)
        if ahead is not None:
            own = own | slots(ahead, plan)
            times = {**times, **rates(ahead, plan)}
        self._keep_apart(bool(times or action.shares) or plan.execution.limits.cloud is not None)
        if not own or action.id in self.held or self._adopts(action, own):
            return True
        self._last += 1
        want = Want(
            ticket=self._last,
            action=action.id,
            slots=own,
            rates=dict(times),
            priority=plan.execution.priority,
        )
        if ahead is not None:
            self._shared.add(want.ticket)
        self.asked[action.id] = want
        self.why[action.id] = ASKED if self._own is None else OWN
        self._tell("wants", want)
        if action.id not in self._arrived:
            return False
        del self._arrived[action.id]  # nobody had to be asked
        self._begin(action.id)
        return True

    def _begin(self, id: str) -> None:
        self.held[id] = self.asked.pop(id)
        self.why.pop(id, None)

    def _keep_apart(self, wanted: bool) -> None:
        """Budgets are kept over all plans, the dead ones too: whoever has to do with them always asks."""
        if wanted and not self._apart:
            self._apart = True
            if self._own is not None:
                self.announce()

    def _adopts(self, action: Action, own: dict[str, int]) -> bool:
        """Whether what has just ended kept the slots of this action."""
        for ticket, spare in self._spare.items():
            if spare.slots.items() >= own.items():
                del self._spare[ticket]
                kept = spare.model_copy(update={"action": action.id, "slots": own})
                self.held[action.id] = kept
                self._tell("keeps", kept)
                return True
        return False

    def granted(self) -> list[str]:
        """The actions whose permit has come since."""
        out, self._arrived = list(self._arrived), {}
        for id in out:
            self._begin(id)
        return out

    @property
    def has_arrivals(self) -> bool:
        return bool(self._arrived)

    def give_back(self, id: str, *, unused: bool = False) -> None:
        """An action ended, or does not start after all."""
        want = self.held.pop(id, None)
        if want is None:
            return
        shared = want.ticket in self._shared
        self._shared.discard(want.ticket)
        if unused:
            self._tell("withdraws", want.ticket)
        elif shared:
            self._spare[want.ticket] = want
        else:
            self._tell("gives_back", want.ticket)

    def settle(self, queued: Collection[str]) -> None:
        """Whatever is not waited for any more is withdrawn, whatever nobody took over is given back."""
        for id in [id for id in self.asked if id not in queued]:
            self._withdraw(id)
        for ticket in self._spare:
            self._tell("gives_back", ticket)
        self._spare = {}

    def _withdraw(self, id: str) -> None:
        want = self.asked.pop(id)
        self.why.pop(id, None)
        self._arrived.pop(id, None)
        self._shared.discard(want.ticket)
        unsent = self._news.get("wants", [])
        if want in unsent:
            unsent.remove(want)
        else:
            self._tell("withdraws", want.ticket)

    def renumber(self, seed: int) -> None:
        """Temporal reset the plan to here: the tickets from here on that it had before are not these."""
        self._last = self._number = seed % 2**48
        self.continues = False  # what the run before it had begun since may still move
        if self._greeted:  # who is alone now is not who was
            self.announce()

    # -- what is said -----------------------------------------------------------------------------------

    def announce(self) -> None:
        """Say everything next time: whoever listens does not know this plan, or knows of others too."""
        if self._own is not None:
            self._own = None
            self._arrived = {}  # of what was granted here and did not start yet; it is asked for
            self.why = dict.fromkeys(self.asked, ASKED)
        self._greeted = True
        self._news["announce"] = True

    def start_over(self) -> None:
        """Whoever listened is no more, and others answer: a grant of his that is still on its way is none, so
        what is asked for is asked with other tickets."""
        for id, want in self.asked.items():
            if id not in self._arrived:
                self._last += 1
                self.asked[id] = want.model_copy(update={"ticket": self._last})
                if want.ticket in self._shared:
                    self._shared = self._shared - {want.ticket} | {self._last}
        self.announce()

    def say_goodbye(self) -> None:
        """The plan ends. One that never spoke has nothing to say."""
        if self._greeted:
            self._news = {"leaves": True, "continues": self.continues}

    @property
    def has_news(self) -> bool:
        return any(self._news.values())

    def take(self) -> Exchange:
        """The next exchange, with everything since the last one."""
        news, self._news = self._news, {}
        if news.get("announce"):
            arrived = [self.asked[id] for id in self._arrived]
            holds = [*self.held.values(), *self._spare.values(), *arrived]
            news = {
                "announce": True,
                "continues": self.continues,
                "frozen": self.frozen,
                "holds": holds,
                "wants": [want for id, want in self.asked.items() if id not in self._arrived],
            }
        self._number += 1
        return Exchange(plan=self.plan, run=self.run, number=self._number, apart=self._apart, **news)

    def hear(self, answer: Answer) -> None:
        """What the permits say. A grant that nobody wants any more is given back."""
        self.heard, self.frozen = True, answer.frozen
        self.answers += 1
        by_ticket = {want.ticket: id for id, want in self.asked.items()}
        for ticket in answer.granted:
            if ticket in by_ticket:
                self._arrived[by_ticket[ticket]] = None
            elif ticket not in {want.ticket for want in (*self.held.values(), *self._spare.values())}:
                self._tell("withdraws", ticket)
        for text, why in answer.waiting.items():
            if int(text) in by_ticket:
                self.why[by_ticket[int(text)]] = why
        if answer.announce:
            self.announce()
        elif answer.alone and answer.alone == self._number and self._own is None:
            self._be_alone()

    def _be_alone(self) -> None:
        """From now on nobody is asked. Whatever was said after that exchange makes this void: the permits
        take it for the word of a plan that asks."""
        if self._apart or self._news.get("announce") or self._news.get("leaves"):
            return
        self._own, self._news = Ledger(), {}
        arrived = (self.asked[id] for id in self._arrived)
        for want in (*self.held.values(), *self._spare.values(), *arrived):
            self._own.hold(want.of(self.plan))
        for id, want in self.asked.items():
            if id not in self._arrived:
                self._own.ask(want.of(self.plan))
                self.why[id] = OWN
        self._grant(self._own)

    def _grant(self, own: Ledger) -> None:
        by_ticket = {want.ticket: id for id, want in self.asked.items()}
        for wish in own.grant(0.0):
            self._arrived[by_ticket[wish.ticket]] = None

    def _tell(self, what: str, item: Any) -> None:
        own = self._own
        if own is None:
            self._news.setdefault(what, []).append(item)
        elif what == "wants":
            own.ask(item.of(self.plan))
        elif what == "keeps":
            own.trim(item.of(self.plan))
        else:
            own.give_back((self.plan, item))
        if own is not None:
            self._grant(own)
