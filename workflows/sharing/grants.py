"""PURE: who may have which counted slots now. Sets are granted all or nothing, by priority, then arrival.

A wish that waits claims its slots: nobody who stands behind it takes them first, so no wish starves. Nobody
holds one set and waits for another, so there is no deadlock. Nothing here knows a type of action or a clock.

A wish is granted when, for each of its slots, those who hold it and those who wait before it are fewer than
the smallest limit among them and the wish itself. So a grant changes nothing for anybody else, and only what
leaves (or the passing of time, for a rate) can let others in: only the front of those queues is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from plan_schemas.budget import BUDGET, RESERVE
from workflows.sharing.queues import Key, Order, Queue, Wish, wish_of


class Ledger:
    """What is held and who waits. Deterministic in the order of calls; time comes in as seconds."""

    def __init__(self) -> None:
        self.held: dict[Key, Wish] = {}
        self.waiting: dict[Key, Wish] = {}
        self.frozen = ""  # why nothing is granted
        self._plans: dict[str, dict[Key, None]] = {}
        self._queues: dict[str, Queue] = {}
        self._orders: dict[Key, Order] = {}
        self._arrived = 0
        self._look: dict[Key, None] = {}  # whom something may have changed for
        self._begun: dict[Key, float] = {}  # when those that have rates were granted
        self._now = 0.0

    # -- what comes in ----------------------------------------------------------------------------------

    def ask(self, wish: Wish) -> None:
        """Stand in the queue. Asking for the same again changes nothing, whether it is held or waits."""
        known = self.held.get(wish.key) or self.waiting.get(wish.key)
        if known == wish:
            return
        if known:
            self.give_back(wish.key)
        self._arrived += 1
        self._wait(wish, (-wish.priority, self._arrived))

    def hold(self, wish: Wish) -> None:
        """Somebody says what he holds already: true, whatever the limits say."""
        if self.held.get(wish.key) != wish:
            self.give_back(wish.key)
            self._take(wish)

    def trim(self, wish: Wish) -> bool:
        """Who holds a set keeps a part of it, for another action. False when he does not hold it."""
        old = self.held.get(wish.key)
        if old is None or not old.slots.items() >= wish.slots.items():
            return False
        begun = self._begun.get(wish.key)
        self._leave(wish.key)
        self._take(wish)
        if begun is not None:
            self._begun[wish.key] = begun
        self._look_at(old)
        return True

    def give_back(self, key: Key, *, unused: bool = False) -> bool:
        """Whoever holds or waits under this key does so no more; `unused` gives its rates back too."""
        wish = self.held.get(key) or self.waiting.get(key)
        if wish is None:
            return False
        begun = self._begun.get(key)
        if unused and begun is not None:
            for name in wish.rates:
                queue = self._queues.get(name)
                if queue and begun in queue.starts:
                    queue.starts.remove(begun)
        self._leave(key)
        self._look_at(wish)
        return True

    def give_back_all(self, plan: str) -> list[Wish]:
        """Whatever a plan holds or waits for; answers what it held."""
        held, waiting = self.of(plan)
        for wish in (*waiting, *held):
            self.give_back(wish.key)
        return held

    def thaw(self) -> None:
        self.frozen = ""
        self._look.update(dict.fromkeys(self.waiting))

    # -- what goes out ----------------------------------------------------------------------------------

    def grant(self, now: float) -> list[Wish]:
        """Those who may start now. Each is granted once."""
        self._now = now
        if self.frozen or not self._look:
            return []
        looked_at, self._look = self._look, {}
        out = []
        for key in sorted((k for k in looked_at if k in self.waiting), key=self._orders.__getitem__):
            wish = self.waiting[key]
            if all(self._admits(name, key) for name, _, _ in wish.parts):
                self._leave(key)
                self._take(wish, now)
                out.append(wish)
        return out

    def tick(self, now: float) -> None:
        """Time has passed: who waits for a rate may go on."""
        self._now = now
        for name in [n for n, queue in self._queues.items() if queue.starts]:
            self._queues[name].forget(now)
            self._look.update(dict.fromkeys(self._queues[name].admitted(now)))
            self._tidy(name)

    def due(self) -> float | None:
        """How soon the passing of time can let somebody in; None when nobody waits for a rate."""
        soonest = (queue.opens_in(self._now) for queue in self._queues.values() if queue.starts)
        return min((s for s in soonest if s is not None), default=None)

    def why(self, key: Key) -> str:
        """What a waiting wish waits for, and who has it."""
        if self.frozen:
            return self.frozen
        closed = (name for name, _, _ in self.waiting[key].parts if not self._admits(name, key))
        name = next(closed, None)
        return "is next" if name is None else self._reason(name, key)

    def of(self, plan: str) -> tuple[list[Wish], list[Wish]]:
        """What a plan holds and what it waits for."""
        keys = self._plans.get(plan, ())
        held = [self.held[k] for k in keys if k in self.held]
        return held, [self.waiting[k] for k in keys if k in self.waiting]

    def plans(self) -> set[str]:
        """Those that hold or wait for anything."""
        return {*self._plans}

    def budgets(self) -> dict[str, dict[str, Any]]:
        """Every budget and reserve that somebody uses or waits for: how far it is used, and its limit."""
        return {
            name: queue.standing(self._now)
            for name, queue in sorted(self._queues.items())
            if is_share(name) or queue.longest
        }

    def in_the_way(self) -> set[str]:
        """The plans that others wait for: they hold, or claim, what somebody wants."""
        contested = [q for q in self._queues.values() if q.waiting]
        return {key[0] for queue in contested for key in (*queue.holders, *queue.waiting)}

    # -- as a document ----------------------------------------------------------------------------------

    def document(self) -> dict[str, Any]:
        """Everything, for the next run; `restored` reads it."""
        return {
            "frozen": self.frozen,
            "arrived": self._arrived,
            "held": [[*wish.row(), self._begun.get(key)] for key, wish in self.held.items()],
            "waiting": [[*wish.row(), self._orders[key][1]] for key, wish in self.waiting.items()],
            "rates": {n: [q.longest, q.most, list(q.starts)] for n, q in self._queues.items() if q.starts},
        }

    @staticmethod
    def restored(document: Mapping[str, Any]) -> Ledger:
        out = Ledger()
        for *row, begun in document["held"]:
            wish = wish_of(row)
            out._take(wish)
            if begun is not None:
                out._begun[wish.key] = begun
        for name, (longest, most, starts) in document["rates"].items():
            queue = out._queues.setdefault(name, Queue())
            queue.longest, queue.most = longest, most
            queue.starts.extend(starts)
        for *row, arrived in document["waiting"]:
            wish = wish_of(row)
            out._wait(wish, (-wish.priority, arrived))
        out._arrived, out.frozen = document["arrived"], document["frozen"]
        return out

    # -- inside -----------------------------------------------------------------------------------------

    def _wait(self, wish: Wish, order: Order) -> None:
        self.waiting[wish.key] = wish
        self._orders[wish.key] = order
        self._plans.setdefault(wish.plan, {})[wish.key] = None
        for name, limit, seconds in wish.parts:
            self._queues.setdefault(name, Queue()).wait(wish.key, order, limit, seconds)
        self._look[wish.key] = None

    def _take(self, wish: Wish, now: float | None = None) -> None:
        self.held[wish.key] = wish
        self._plans.setdefault(wish.plan, {})[wish.key] = None
        for name, limit in wish.slots.items():
            self._queues.setdefault(name, Queue()).holders[wish.key] = limit
        if wish.rates and now is not None:
            self._begun[wish.key] = now
            for name, (limit, seconds) in wish.rates.items():
                queue = self._queues.setdefault(name, Queue())
                queue.longest, queue.most = max(queue.longest, seconds), limit
                queue.starts.append(now)

    def _leave(self, key: Key) -> None:
        wish = self.held.pop(key, None) or self.waiting.pop(key)
        self._orders.pop(key, None)
        self._begun.pop(key, None)
        mine = self._plans[wish.plan]
        del mine[key]
        if not mine:
            del self._plans[wish.plan]
        for name, _, _ in wish.parts:
            if queue := self._queues.get(name):
                queue.holders.pop(key, None)
                queue.waiting.pop(key, None)
                self._tidy(name)

    def _tidy(self, name: str) -> None:
        if self._queues[name].empty:
            del self._queues[name]

    def _look_at(self, left: Wish) -> None:
        """Whoever stands at the front of what was left."""
        for name, _, _ in left.parts:
            if queue := self._queues.get(name):
                self._look.update(dict.fromkeys(queue.admitted(self._now)))

    def _admits(self, name: str, key: Key) -> bool:
        return key in self._queues[name].admitted(self._now)

    def _reason(self, name: str, key: Key) -> str:
        queue = self._queues[name]
        order, limit, seconds = queue.waiting[key]
        if seconds:
            made = queue.taken(seconds, self._now)
            return f"{_wait(name)}: {made} starts in the last {seconds:g} s, {limit} are allowed"
        if queue.holders:
            said = _named(self.held[k] for k in queue.holders)
            taken = "are moving" if name.startswith(BUDGET) else "taken"
            return f"{_wait(name)}: {len(queue.holders)} of {queue.limit(key)} {taken}, by {said}"
        first = (self.waiting[k] for k, (o, _, _) in queue.waiting.items() if o < order)
        return f"{_wait(name)}: {_named(first)} asked first"


def _wait(name: str) -> str:
    return f"waits for {name}" if is_share(name) else name


def is_share(name: str) -> bool:
    """Whether this is what a policy lets several plans do together."""
    return name.startswith((BUDGET, RESERVE))


def _named(wishes: Iterable[Wish]) -> str:
    who = [f"{wish.plan} ({wish.action})" for wish in wishes]
    return " and ".join(who[:2]) + (f" and {len(who) - 2} more" if len(who) > 2 else "")
