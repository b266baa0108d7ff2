"""What several plans of a cloud share: granted in sets, taken back from the dead, frozen by a word."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pydantic
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError

from workflows import calls
from workflows.sharing import board
from workflows.sharing.desk import Desk
from workflows.sharing.exchange import Exchange
from workflows.stages.liaison import AGAIN, does_not_run
from workflows.wire import attributes, descent
from workflows.wire.codec import complaints
from workflows.wire.failure import sentence_of
from workflows.wire.messages import FREEZE, THAW, Command, Message, now, receives

GRACE = timedelta(seconds=2)  # until visibility knows of whoever started just before
PATIENCE = timedelta(seconds=10)  # with plans that were asked what they hold
SETTLING = timedelta(seconds=2)  # what waits longer than this is told why
REST = timedelta(seconds=30)  # until no attempt of a plan that ended without a word asks for anything more
LOOKS = 30.0  # seconds between two looks at those who are in the way
REMEMBERED = 200  # messages and refusals
BY_ITSELF = ("COMPLETED", "FAILED", "CANCELED")  # a plan that ends so has nothing under way any more


class Switch:
    """Freeze and thaw. Neither is ever refused: a kill switch may be pressed twice."""

    def __init__(self, desk: Desk, log: list[str], rejected: list[str]) -> None:
        self.desk, self.log, self.rejected = desk, log, rejected

    def check(self, command: Command, message: Message) -> None:
        """Every message makes sense at any time."""

    def obey(self, command: Command, message: Message, via: str, at: str) -> str:
        why = f" ({message.reason})" if message.reason else ""
        before = self.desk.frozen
        if command is FREEZE:
            self.desk.freeze(f"frozen by {message.by}: {message.reason or 'no reason given'}")
            answer = f"nothing starts any more; what runs may end{f'; was {before}' if before else ''}"
        else:
            was_opening, self.desk.opening = self.desk.opening, False
            self.desk.unheard.clear()
            let_go = [] if before else self.desk.let_go()
            self.desk.thaw()
            answer = f"plans go on; was {before}" if before else "plans go on; the cloud was not frozen"
            answer += "; whoever has not said what he holds is not waited for" if was_opening else ""
            answer += f"; not waited for any more: {_named(let_go)}" if let_go else ""
        self.note(f"{at} {message.by} by {via}: {command.name}{why}: {answer}")
        return answer

    def complain(self, text: str, at: str) -> None:
        self.rejected.append(f"{at} {text[:1000]}")
        del self.rejected[:-REMEMBERED]

    def note(self, text: str) -> None:
        self.log.append(text)
        del self.log[:-REMEMBERED]


@workflow.defn(name="Permits")
@receives(FREEZE, THAW)
class Permits:
    """`permits/<cloud>`: stays for ever, so that a freeze does, and so that nobody has to wait for it to
    open; it costs nothing while nobody waits."""

    @workflow.init
    def __init__(self, document: dict[str, Any]) -> None:
        self.cloud = str(document.get("cloud", ""))
        # Only from the run before: nobody else may say who holds what.
        carried = document if descent.handed_over() else {}
        self.desk = Desk.restored(carried["desk"]) if carried else Desk()
        self.desk.opening = self.desk.opening or not carried
        self.control = Switch(self.desk, carried.get("messages", []), carried.get("rejected", []))
        self._due = True
        self._news = True  # something came in since the last answers
        self._stirred = False  # and since the last look around, and somebody waits
        self._busy: set[str] = set()  # plans that are being spoken to: one answer does not overtake another
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking = 0  # activities that the next run would not hear of
        self._rest = REST
        self._shown = ""
        self._refusal = ""  # why it does not even begin

    @workflow.run
    async def run(self, document: dict[str, Any]) -> None:
        if said := descent.repeats() or self._not_ours(document):
            self.refused(said)
            raise ApplicationError(said, type="Refused", non_retryable=True)
        workflow.upsert_search_attributes(attributes.identity(self.cloud, None, None, None))
        if self.desk.opening:
            self._begin(self._open())
        self._begin(self._look_around())
        self._begin(self._see_after_the_lost())
        while not (workflow.info().is_continue_as_new_suggested() and not self._looking):
            await workflow.wait_condition(lambda: self._due)
            self._due = False
            self._speak()
        await workflow.wait_condition(lambda: not self._busy and workflow.all_handlers_finished())
        workflow.continue_as_new(
            {
                "cloud": self.cloud,
                "desk": self.desk.document(),
                "messages": self.control.log,
                "rejected": self.control.rejected,
            }
        )

    def _not_ours(self, document: dict[str, Any]) -> str:
        forged = document.keys() > {"cloud"} and not descent.handed_over()
        if self.cloud and not forged and workflow.info().workflow_id == f"permits/{self.cloud}":
            return ""
        return 'Permits takes {"cloud": "<name>"} and is permits/<name>; ballast freeze and plans start it'

    def refused(self, why: str) -> None:
        """From now on its status says so."""
        self._refusal = why

    # -- with plans -------------------------------------------------------------------------------------

    @workflow.signal(name="exchange", description="between plans and permits, not for people")
    def exchange(self, payload: RawValue) -> None:
        try:
            self.desk.receive(workflow.payload_converter().from_payload(payload.payload, Exchange))
        except ApplicationError as error:
            self.control.complain(f"signal exchange: {error.message}", now())
        except pydantic.ValidationError as error:
            self.control.complain(f"signal exchange: {complaints(error, 'payload')}", now())
        self._due = self._news = True

    def _speak(self) -> None:
        for plan, answer in self.desk.take(workflow.time(), self._busy).items():
            self._busy.add(plan)
            self._begin(self._tell(plan, answer.model_dump(exclude_defaults=True)))
        if self._news and self.desk.ledger.waiting:
            self._stirred = True
        self._news = False
        self.changed(due=False)

    async def _tell(self, plan: str, answer: dict[str, Any]) -> None:
        while True:
            try:
                await workflow.get_external_workflow_handle(plan).signal("permits", answer)
            except ApplicationError as error:
                if not does_not_run(error):
                    said = f"{plan} could not be told: {error.message}; it is tried again"
                    self.control.complain(said, now())
                    await workflow.sleep(AGAIN, summary=f"until {plan} is told again")
                    continue
                await self._look_at([plan])
            break
        self._busy.discard(plan)
        self._due = True

    def _free(self, plan: str, state: str) -> None:
        """A plan does not run any more. What it had under way without a word of its end may still move."""
        if state in BY_ITSELF:
            if freed := self.desk.gone(plan):
                self.control.note(f"{now()} took back from {plan}, which is {state}: {_named(freed)}")
        elif kept := self.desk.bury(plan, state):
            said = f"{plan} is {state}; what it moved keeps its slots until the cloud says that it rests"
            self.control.note(f"{now()} {said}: {_named(kept)}")
        self._due = True

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        """For an activity, however it ends; none is begun in one run and answered in the next."""
        self._looking += 1
        try:
            yield
        finally:
            self._looking -= 1

    # -- in the background ------------------------------------------------------------------------------

    async def _open(self) -> None:
        """Nobody knows what the plans that run already hold: each is asked, before anything is granted."""
        desk = self.desk
        await workflow.sleep(GRACE, summary="before asking who runs")
        holders = await calls.holders(self.cloud)
        desk.expect(holders["running"])
        if not desk.lost:
            self._rest = max(timedelta(), REST - timedelta(seconds=holders["quiet"]))
        desk.mourn(holders["lost"])
        self._due = True
        while desk.unheard and desk.opening:
            try:
                await workflow.wait_condition(
                    lambda: not desk.unheard or not desk.opening,
                    timeout=PATIENCE,
                    timeout_summary="for plans to say what they hold",
                )
            except TimeoutError:
                asked = [plan for plan in desk.unheard if plan not in self._busy]
                for plan, found in (await calls.look_at(asked)).items():
                    if found["state"] != "RUNNING":
                        self._free(plan, found["state"])
                    elif not found["busy"]:  # it reads the question before it starts anything
                        desk.unheard.pop(plan, None)
        desk.opening = False
        self._due = True

    async def _look_around(self) -> None:
        """While somebody waits: tell him why, let him in when the time comes, look who is dead."""
        looked, ledger = 0.0, self.desk.ledger
        while True:
            await workflow.wait_condition(lambda: self._stirred and bool(ledger.waiting))
            await workflow.sleep(SETTLING, summary="before telling why somebody waits")
            self._stirred = False
            while ledger.waiting and not self._stirred:
                if workflow.time() - looked >= LOOKS and not self.desk.opening:
                    looked = workflow.time()
                    await self._look_at_those_in_the_way()
                ledger.tick(workflow.time())
                self.desk.refresh()
                self._due = True
                await self._wait_for_news()

    async def _wait_for_news(self) -> None:
        due, ledger = self.desk.ledger.due(), self.desk.ledger
        wait = None if ledger.frozen else max(1.0, min(LOOKS, LOOKS if due is None else due))
        try:
            await workflow.wait_condition(
                lambda: self._stirred or not ledger.waiting,
                timeout=wait,
                timeout_summary="until a look around",
            )
        except TimeoutError:
            return

    async def _look_at_those_in_the_way(self) -> None:
        await self._look_at(sorted(self.desk.in_the_way()))

    async def _look_at(self, plans: Sequence[str]) -> None:
        try:
            with self._waiting():
                found = await calls.look_at(list(plans))
        except ActivityError as error:
            said = f"whether {_named(plans)} run is not known: {sentence_of(error)}; it is asked again"
            self.control.complain(said, now())
            return
        for plan, one in found.items():
            another = self.desk.plans.get(plan) not in (None, one["run"])
            if one["state"] != "RUNNING":  # how another run under its id ended says nothing of this one
                self._free(plan, "replaced" if another else one["state"])
            elif another:
                self.desk.ask_again(plan)
            elif not one["busy"] and plan not in self._busy:
                self.desk.idle(plan)
        self._due = True

    async def _see_after_the_lost(self) -> None:
        """What a plan had under way that ended without a word is free once the cloud has it at rest."""
        desk = self.desk
        while True:
            await workflow.wait_condition(lambda: bool(desk.lost))
            names, rest, self._rest = list(desk.lost), self._rest, REST
            await workflow.sleep(rest, summary=f"before looking what {len(names)} lost plans still move")
            try:
                with self._waiting():
                    found = await calls.moving(self.cloud, desk.held_by_lost(), bool(desk.blind))
            except ActivityError as error:
                self.control.complain(
                    f"what moves is not known: {sentence_of(error)}; it is asked again", now()
                )
            else:
                if freed := desk.seen(names, found["moving"], found["moves"]):
                    self.control.note(f"{now()} took back from {', '.join(names)}, at rest: {_named(freed)}")
            self.changed()

    # -- what people see --------------------------------------------------------------------------------

    def changed(self, due: bool = True) -> None:
        """Bring the UI up to date."""
        self._due, self._news = self._due or due, self._news or due
        state = board.state(self.desk)
        if state != self._shown:
            self._shown = state
            waits = "freeze" if self.desk.frozen else ""
            workflow.upsert_search_attributes(attributes.standing(state, waits, None))
        workflow.set_current_details(board.markdown(self.desk, self.control.log, self.control.rejected))

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, args: Sequence[RawValue]) -> None:  # noqa: ARG002  nothing to read
        self.control.complain(f"signal {name!r} is unknown; known: freeze, thaw", now())
        self.changed()

    @workflow.query(name="status", description="who holds what, who waits for what and why, frozen or not")
    def status(self) -> dict[str, Any]:
        told = board.document(self.desk, self.cloud, self.control.log, self.control.rejected)
        return told | {"state": "FAILED", "sentence": self._refusal} if self._refusal else told


def _named(actions: Sequence[str]) -> str:
    return ", ".join(actions[:5]) + (f" and {len(actions) - 5} more" if len(actions) > 5 else "")
