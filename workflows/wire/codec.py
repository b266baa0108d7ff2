"""YAML and JSON from any Temporal client into plain values; what is malformed is refused, never retried.

CLI bytes -> YamlCodec (text/yaml to JSON, in a thread: parsing must not eat the workflow's two seconds) ->
converter (which raises, so that only the one start, update or query is refused) -> workflow.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_origin

import pydantic
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverter,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
    ExternalStorage,
    JSONPlainPayloadConverter,
    PayloadCodec,
)
from temporalio.exceptions import ApplicationError

from plan_schemas.loader import Invalid, parse
from workflows.wire.vault import ANSWER

INVALID = "PayloadValidationError"  # the SDK's own word for it
# Ours, each a full sentence with what to do: where in our code it was raised helps nobody.
PLAIN_FAILURES = frozenset(
    {INVALID, "InvalidDocument", "UnknownWorkflowType", "PlanFailed", "AuditFailed", "Refused"}
    | {"Failed", "Gone", "Transient", "Incomplete", "LetGo"}
)
KNOWN = frozenset({b"binary/null", b"binary/plain", b"json/plain", b"json/protobuf", b"binary/protobuf"})
MARK = "ballast/invalid"
REFUSAL = "ballast/refusal"
LARGEST = 2 * 1024 * 1024  # what Temporal itself accepts as one payload


def invalid(message: str) -> ApplicationError:
    return ApplicationError(message, type=INVALID, non_retryable=True)


def marked(message: str) -> Payload:
    """A payload that carries the complaint to the converter: a codec that raises would end the workflow."""
    return Payload(metadata={"encoding": MARK.encode()}, data=message.encode())


def yaml_to_json(payload: Payload) -> Payload:
    try:
        value = parse(payload.data, source="input", max_bytes=LARGEST)
    except Invalid as error:
        return marked(str(error))
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())


class Refusal(dict[str, Any]):
    """Stands where a workflow expects its document; `said` is why there is none."""

    def __init__(self, said: str) -> None:
        super().__init__()
        self.said = said


def refusal(said: str) -> Payload:
    """The payload that is read as a Refusal. From outside nobody can send it: the codec does not know it."""
    return Payload(metadata={"encoding": REFUSAL.encode()}, data=said.encode())


class YamlCodec(PayloadCodec):
    """Lets `--input-meta encoding=text/yaml` carry a document as it stands in git."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [await self._one(p) for p in payloads]

    async def _one(self, payload: Payload) -> Payload:
        encoding = payload.metadata.get("encoding", b"")
        if encoding == b"text/yaml":
            return await asyncio.to_thread(yaml_to_json, payload)
        if encoding in KNOWN:
            return payload
        name = encoding.decode(errors="replace")
        return marked(f"unknown encoding {name!r}; send JSON, or YAML with --input-meta encoding=text/yaml")


class RefusingConverter(EncodingPayloadConverter):
    """Raises the complaint that the codec could not."""

    @property
    def encoding(self) -> str:
        return MARK

    def to_payload(self, value: Any) -> Payload | None:  # noqa: ARG002  only reads
        return None

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:  # noqa: ARG002
        raise invalid(payload.data.decode())


class RefusalConverter(EncodingPayloadConverter):
    """Hands a complaint on to the guard, who fails the workflow with it."""

    @property
    def encoding(self) -> str:
        return REFUSAL

    def to_payload(self, value: Any) -> Payload | None:  # noqa: ARG002  only reads
        return None

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:  # noqa: ARG002
        return Refusal(payload.data.decode())


class StrictJson(PydanticJSONPlainPayloadConverter):
    """Pydantic's converter with complaints that a person can read, and that are never retried."""

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        try:
            return super().from_payload(payload, type_hint)
        except pydantic.ValidationError as error:
            raise invalid(complaint(error, type_hint)) from None
        except ValueError as error:
            raise invalid(f"not JSON: {error}") from None


# Pydantic speaks to programmers; these it says to whoever typed the input.
PLAIN = {
    "missing": "is missing",
    "extra_forbidden": "is not known",
    "model_type": "must be a mapping",
    "dict_type": "must be a mapping",
}


def complaints(error: pydantic.ValidationError, whole: str) -> str:
    """Every problem with its path; `whole` names what has none."""
    rows = error.errors(include_url=False, include_input=False, include_context=False)
    said = (f"{'.'.join(map(str, r['loc'])) or whole}: {PLAIN.get(r['type'], r['msg'])}" for r in rows)
    return "; ".join(said)


def complaint(error: pydantic.ValidationError, type_hint: type | None) -> str:
    said = complaints(error, "the input")
    name = getattr(type_hint, "__name__", "input")
    return f"invalid {'document' if name == 'dict' else name}: {said}"


@dataclass(frozen=True, slots=True)
class Told:
    """What a query answers. It is marked: people read it with whatever client they have."""

    value: Any


class AnswerConverter(EncodingPayloadConverter):
    """Plain JSON with the mark that keeps it out of the vault."""

    @property
    def encoding(self) -> str:
        return "json/ballast-answer"  # never on the wire: what it makes is json/plain

    def to_payload(self, value: Any) -> Payload | None:
        if not isinstance(value, Told):
            return None
        payload = StrictJson().to_payload(value.value)
        if payload is not None:
            payload.data = ANSWER + payload.data
        return payload

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:  # noqa: ARG002
        raise invalid(f"{payload.metadata.get('encoding', b'').decode()!r} is not read")


class Converter(CompositePayloadConverter):
    def __init__(self) -> None:
        super().__init__(
            AnswerConverter(),
            *(
                StrictJson() if isinstance(one, JSONPlainPayloadConverter) else one
                for one in DefaultPayloadConverter.default_encoding_payload_converters
            ),
            RefusingConverter(),
            RefusalConverter(),
        )

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """What cannot be read is refused like anything else: any other error would hang whoever reads it."""
        try:
            values: list[Any] = super().from_payloads(payloads, type_hints)
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise invalid(f"the input cannot be read: {error}") from None
        for value, hint in zip(values, type_hints or []):
            mapping = get_origin(hint) is dict and not isinstance(value, dict)
            model = isinstance(hint, type) and issubclass(hint, pydantic.BaseModel)
            if mapping or (model and not isinstance(value, hint)):  # bytes and nothing have no type
                raise invalid("the input: must be a mapping")
        return values


class PlainFailures(DefaultFailureConverter):
    """No Python traceback in front of a person for what is his to mend."""

    def to_failure(self, exception: BaseException, payload_converter: Any, failure: Any) -> None:
        super().to_failure(exception, payload_converter, failure)
        if failure.application_failure_info.type in PLAIN_FAILURES:
            failure.stack_trace = ""


def data_converter(storage: ExternalStorage) -> DataConverter:
    """Over where large payloads are kept (workflows/wire/vault.py)."""
    return DataConverter(
        payload_converter_class=Converter,
        failure_converter_class=PlainFailures,
        payload_codec=YamlCodec(),
        external_storage=storage,
    )
