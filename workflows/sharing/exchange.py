"""What a plan and the permits of its cloud say to each other: one signal each way, in batches."""

from __future__ import annotations

import pydantic

from workflows.sharing.queues import Rate, Wish


class _Envelope(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)


class Want(_Envelope):
    """What an action needs. A plan uses a ticket once: an answer that comes late is known as such."""

    ticket: int
    action: str
    slots: dict[str, int]
    rates: dict[str, Rate] = {}
    priority: int = 0

    def of(self, plan: str) -> Wish:
        return Wish(plan, self.ticket, self.action, self.slots, self.rates, self.priority)


class Exchange(_Envelope):
    """From a plan: what came since its last one; with `announce`, all that it has and wants."""

    plan: str = pydantic.Field(min_length=1)
    run: str
    number: int = 0  # of this exchange in the run
    continues: bool = (
        False  # with `announce` or `leaves`: an earlier run of the same plan had given back all that it held
    )
    apart: bool = False  # never starts anything unasked
    announce: bool = False
    frozen: str = ""  # with `announce`: the freeze that the plan knows of
    holds: list[Want] = []  # with `announce`
    wants: list[Want] = []
    keeps: list[Want] = []  # a part of what a ticket holds, for another action that starts now
    gives_back: list[int] = []
    withdraws: list[int] = []  # not wanted any more, whether granted meanwhile or not
    leaves: bool = False  # the plan is at its end

    @property
    def name(self) -> str:
        """One of all that a plan ever says."""
        return f"{self.run}/{self.number}"


class Answer(_Envelope):
    """To a plan: what it may start, why the rest waits, whether nothing may start at all."""

    granted: list[int] = []
    waiting: dict[str, str] = {}  # by ticket
    frozen: str = ""
    alone: int = (
        0  # number of the exchange since which the plan may start without asking, until it announces itself
    )
    announce: bool = False  # say all that you have and want: you are not known here
