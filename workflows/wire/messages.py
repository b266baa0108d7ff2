"""The messages a plan takes: their payloads, and one declaration that makes each an update and a signal.

An update answers and is refused with exit status 1; a signal of the same name is for scripts, and a malformed
one is recorded where people see it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pydantic
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from workflows.wire.codec import INVALID, complaints


class Message(pydantic.BaseModel):
    """Who says so (as claimed) and why."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)
    by: str = pydantic.Field("", max_length=200)
    reason: str = pydantic.Field("", max_length=2000)


class Approve(Message):
    by: str = pydantic.Field(min_length=1, max_length=200)
    actions: list[str] | None = pydantic.Field(None, min_length=1)  # None: all of them
    token: str | None = pydantic.Field(None, max_length=500)  # of `ballast approve`: who signed all this


class Signed(Message):
    by: str = pydantic.Field(min_length=1, max_length=200)


class OnAction(Message):
    action: str = pydantic.Field(min_length=1)


class CancelAction(OnAction):
    abort: bool = True


class Decide(OnAction):
    choice: Literal["retry", "skip", "fail", "roll_back"]


class Cancel(Message):
    rollback: bool | None = None  # None: as the plan's policy says
    abort: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    payload: type[Message]
    description: str


APPROVE = Command(
    "approve",
    Approve,
    "let a RECOMMENDED plan run, or a part of it with what that waits for; in a running plan, what waits for "
    'approval: {"by": "…", "reason": "…", "actions": ["<id>"], "token": "…"}',
)
REJECT = Command("reject", Message, 'end a RECOMMENDED plan unrun: {"by": "…", "reason": "…"}')
SKIP_ACTION = Command(
    "skip_action", OnAction, 'leave an action out: {"action": "<id>", "by": "…", "reason": "…"}'
)
CANCEL_ACTION = Command(
    "cancel_action",
    CancelAction,
    'cancel one action; a running one is aborted: {"action": "<id>", "abort": true}',
)
HOLD_ACTION = Command(
    "hold_action", OnAction, 'do not start a pending action yet: {"action": "<id>", "by": "…", "reason": "…"}'
)
RELEASE_ACTION = Command(
    "release_action", OnAction, 'let a held action start: {"action": "<id>", "by": "…", "reason": "…"}'
)
RETRY_ACTION = Command(
    "retry_action",
    OnAction,
    'do a failed or skipped action after all, and what needed it: {"action": "<id>", "by": "…"}',
)
DECIDE = Command(
    "decide",
    Decide,
    'say what becomes of a failed action: {"action": "<id>", "choice": "retry|skip|fail|roll_back"}',
)
SUPERSEDE = Command("supersede", Message, 'end a RECOMMENDED plan, a newer one stands: {"reason": "…"}')
PAUSE = Command("pause", Message, 'start nothing new until resume: {"by": "…", "reason": "…"}')
RESUME = Command("resume", Message, 'go on after a pause: {"by": "…", "reason": "…"}')
CANCEL = Command(
    "cancel", Cancel, 'end the plan: {"reason": "…", "rollback": true|false, "abort": true|false}'
)
ROLL_BACK = Command("roll_back", Cancel, 'stop the running plan and undo what was done: {"reason": "…"}')
FREEZE = Command("freeze", Signed, 'start nothing any more on this cloud: {"by": "…", "reason": "…"}')
THAW = Command("thaw", Signed, 'let plans go on: {"by": "…", "reason": "…"}')
COMMANDS = (
    *(APPROVE, REJECT, SUPERSEDE),
    *(SKIP_ACTION, HOLD_ACTION, RELEASE_ACTION, CANCEL_ACTION, RETRY_ACTION, DECIDE),
    *(PAUSE, RESUME, CANCEL, ROLL_BACK),
)


NOTHING = RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"{}"))  # a message sent without input


def read(command: Command, raw: RawValue) -> Message:
    """The typed message of a payload. Raises ApplicationError with path and remedy."""
    try:
        value: Any = workflow.payload_converter().from_payload(raw.payload)
        return command.payload.model_validate({} if value is None else value)
    except pydantic.ValidationError as error:
        said = complaints(error, "payload")
    except ApplicationError as error:
        said = error.message
    raise ApplicationError(
        f"{command.name}: {said}; expected {command.description.split(': ', 1)[1]}",
        type=INVALID,
        non_retryable=True,
    )


Vouch = Callable[[Any, Message], Awaitable[str]]


async def nobody(_: Any, __: Message) -> str:
    """Messages are taken at their word."""
    return ""


def receives(*commands: Command, vouch: Vouch = nobody) -> Callable[[type[Any]], type[Any]]:
    """Class decorator (below `@workflow.defn`): an update and a signal for each command.

    The class keeps a `control` that checks and obeys, and a `changed()` that shows what came of it. `vouch`
    looks at a message that was checked, may take its time, and says who vouches for it; or raises
    ApplicationError, and the message is refused.
    """

    def add(cls: type[Any]) -> type[Any]:
        for command in commands:
            setattr(cls, f"update_{command.name}", _update(command, vouch))
            setattr(cls, f"signal_{command.name}", _signal(command, vouch))
        return cls

    return add


def _update(command: Command, vouch: Vouch) -> Any:
    async def handle(self: Any, payload: RawValue = NOTHING) -> str:
        message = read(command, payload)
        if signed := await vouch(self, message):
            _check(self, command, message)  # much may have happened since
        answer: str = self.control.obey(command, message, f"update{signed}", now())
        self.changed()
        return answer

    def validate(self: Any, payload: RawValue = NOTHING) -> None:
        _check(self, command, read(command, payload))

    _as_method(handle, f"update_{command.name}")
    _as_method(validate, f"validate_{command.name}")
    update = workflow.update(name=command.name, description=command.description)(handle)
    update.validator(validate)
    return update


def _check(self: Any, command: Command, message: Message) -> None:
    try:
        self.control.check(command, message)
    except ValueError as refused:
        raise ApplicationError(str(refused), type="Refused", non_retryable=True) from None


def _signal(command: Command, vouch: Vouch) -> Any:
    async def handle(self: Any, payload: RawValue = NOTHING) -> None:
        try:
            message = read(command, payload)
            _check(self, command, message)
            if signed := await vouch(self, message):
                _check(self, command, message)
        except ApplicationError as error:
            self.control.complain(f"signal {error.message}", now())
        else:
            self.control.obey(command, message, f"signal{signed}", now())
        self.changed()

    _as_method(handle, f"signal_{command.name}")
    return workflow.signal(name=command.name, description=command.description)(handle)


def redirects(cls: type[Any]) -> type[Any]:
    """Class decorator (below `@workflow.defn`) of a workflow that takes no messages: their senders are told
    where they belong. The class keeps `addressee()`, one sentence, and `complain(text)`."""

    def signal(self: Any, name: str, args: Sequence[RawValue]) -> None:  # noqa: ARG001
        self.complain(f"{now()} signal {name!r}: {self.addressee()}")

    async def update(self: Any, name: str, args: Sequence[RawValue]) -> None:  # noqa: ARG001
        raise ApplicationError(f"{name}: {self.addressee()}", type="Refused", non_retryable=True)

    def validate(self: Any, name: str, args: Sequence[RawValue]) -> None:  # noqa: ARG001
        raise ApplicationError(f"{name}: {self.addressee()}", type="Refused", non_retryable=True)

    for function, name in ((signal, "stray_signal"), (update, "stray_update"), (validate, "stray_check")):
        _as_method(function, name)
    stray = workflow.update(dynamic=True)(update)
    stray.validator(validate)
    cls.stray_signal, cls.stray_update = workflow.signal(dynamic=True)(signal), stray
    return cls


def _as_method(function: Any, name: str) -> None:
    function.__name__ = function.__qualname__ = name
    del function.__annotations__["self"]  # the SDK takes an annotated first parameter for an input


def now() -> str:
    return f"{workflow.now():%Y-%m-%d %H:%M:%S}Z"
