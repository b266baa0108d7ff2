"""No credential leaves the worker: not by its logs, whoever writes them, and not by Temporal's histories."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
import structlog
import yaml
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from deploy import log
from tests.live.stack import THREE_ROOMS, Live, bring_up
from workflows import start

CANARY = "canary-5e11-in-the-coal-mine"
TOKEN = re.compile(r"gAAAA[0-9a-f]{20}")  # as the simulated Keystone makes them
ANY_TEXT = (
    f"X-Auth-Token: {CANARY}",
    f"curl -H 'X-Auth-Token: {CANARY}' -H 'Authorization: Bearer {CANARY}'",
    f'{{"auth": {{"secret": "{CANARY}", "password": "{CANARY}"}}}}',
    f"{{'application_credential_secret': '{CANARY}'}}",
    f"password={CANARY}&user=eve",
    f"token: {CANARY}\nnext line",
)


# -- every logger -------------------------------------------------------------------------------------------


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What the worker would write, with the test session's own logging put back afterwards."""
    root, out = logging.getLogger(), io.StringIO()
    level, handlers = root.level, root.handlers[:]
    log.configure("DEBUG", out)
    yield out
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _rows(out: io.StringIO) -> list[dict[str, object]]:
    """Every line is one JSON object."""
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("name", ["ballast", "temporalio.activity", "keystoneauth.session", "anything"])
@pytest.mark.parametrize("text", ANY_TEXT)
def test_a_secret_in_a_text_is_taken_out(stream: io.StringIO, name: str, text: str) -> None:
    """A secret inside a message, an argument or an exception is hidden, whatever library logs it."""
    logging.getLogger(name).warning(text)
    logging.getLogger(name).error("it said %s", text, extra={"said": text})
    structlog.get_logger(name).error(text, said=[text, {"deeper": (text,)}])
    try:
        int(text)
    except ValueError:
        logging.getLogger(name).exception("it failed")
        structlog.get_logger(name).exception("it failed")
    assert len(_rows(stream)) == 5
    assert CANARY not in stream.getvalue()


def test_a_secret_under_a_telling_key_is_taken_out(stream: io.StringIO) -> None:
    """Values are hidden by the name of their key at every depth; what is no secret stays."""
    fields = {"password": CANARY, "auth": {"secret": CANARY, "user": "edith"}, "rows": [{"token": CANARY}]}
    structlog.get_logger("x").info("hello", api_key=CANARY, **fields)
    logging.getLogger("x").info("hello", extra={"config": fields, "x_auth_token": CANARY})
    assert CANARY not in stream.getvalue()
    assert [row["event"] for row in _rows(stream)] == ["hello", "hello"]
    assert stream.getvalue().count("edith") == 2


def test_every_record_is_one_line(stream: io.StringIO) -> None:
    """Line ends and control characters in a message cannot forge a second record."""
    logging.getLogger("x").warning('one\n{"event": "forged"}\r\x1b[2J\u2028two')
    (row,) = _rows(stream)
    assert {"event", "level", "logger", "timestamp"} <= set(row)


def test_a_sentence_stands_in_one_line(stream: io.StringIO) -> None:
    """An error of ours says what is wrong and nothing more; one that nobody foresaw keeps its traceback."""
    told = logging.getLogger("temporalio.activity")
    for error in (ApplicationError("parameters.host is missing", type="InvalidDocument"), KeyError("host")):
        told.warning("Completing activity as failed", exc_info=error)
    ours, strange = (json.loads(line) for line in stream.getvalue().splitlines())
    assert ours["error"] == "InvalidDocument: parameters.host is missing"
    assert "exception" not in ours
    assert strange["exception"] == "KeyError: 'host'"


# -- a live run ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A stack whose worker logs all it can, with a second cloud whose secret is wrong."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BALLAST_LOG_LEVEL", "DEBUG")
        live = bring_up(tmp_path_factory.mktemp("log"), THREE_ROOMS, speed=60)
    path = live.stack.directory / "clouds.yaml"
    clouds = yaml.safe_load(path.read_text())
    wrong = json.loads(json.dumps(clouds["clouds"]["simcloud"]))
    wrong["auth"]["application_credential_secret"] = CANARY
    clouds["clouds"]["wrong"] = wrong
    path.write_text(yaml.safe_dump(clouds))
    yield live
    live.stack.down()


def _secrets(live: Live) -> set[str]:
    clouds = yaml.safe_load((live.stack.directory / "clouds.yaml").read_text())["clouds"]
    keys = ("application_credential_secret", "password")
    found = {c["auth"][key] for c in clouds.values() for key in keys if key in c["auth"]}
    assert CANARY in found
    assert len(found) > 2
    return found


def drain(name: str, host: str) -> dict[str, object]:
    return {
        "ballast": "v1",
        "kind": "Audit",
        "name": name,
        "cloud": "simcloud",
        "strategy": "host_maintenance",
        "parameters": {"maintenance_node": host},
        "execution": {"mode": "auto"},
    }


async def _histories(client: Client) -> list[bytes]:
    """Every history with every payload as it is stored."""
    out = []
    async for one in client.list_workflows():
        handle = client.get_workflow_handle(one.id, run_id=one.run_id)
        history = await handle.fetch_history()
        out.append(b"".join(event.SerializeToString() for event in history.events))
    return out


async def test_no_credential_is_in_any_history_or_log_line(talkative: Live) -> None:
    """After audits that succeed, lose their token, fail and cannot log in, no secret or token is anywhere.

    Nor does a failure that Ballast explains itself carry a traceback with paths into Temporal.
    """
    live = talkative
    live.start("Audit", "audit/drain", drain("drain", "north-2"))
    assert live.closed("audit/drain") == "COMPLETED"
    live.sim("tokens/revoke", {})
    live.sim("faults", {"migration": {"effect": "on_the_way", "source": "south-1"}})
    live.start("Audit", "audit/fails", drain("fails", "south-1"))
    assert live.closed("audit/fails") == "FAILED", live.query("audit/fails")
    live.start("Audit", "audit/locked-out", {**drain("locked-out", "north-1"), "cloud": "wrong"})
    assert live.closed("audit/locked-out") == "FAILED"
    assert "Keystone refused our credentials" in live.query("audit/locked-out")["sentence"]

    told = {"log": (live.stack.directory / "worker.log").read_bytes()}
    client = await start.connect(live.stack.address)
    for _ in range(120):  # lists of workflows lag behind
        if len(histories := await _histories(client)) >= 5:
            break
        await asyncio.sleep(0.5)
    assert len(histories) >= 5
    told |= {f"history {n}": history for n, history in enumerate(histories)}
    for where, content in told.items():
        for secret in _secrets(live):
            assert secret.encode() not in content, f"{secret} is in the {where}"
        assert not TOKEN.search(content.decode(errors="replace")), f"a token is in the {where}"
    rows = [json.loads(line) for line in told.pop("log").splitlines()]
    assert [where for where, content in told.items() if b"site-packages" in content] == []
    assert len(rows) > 3
    assert any(row["level"] == "debug" for row in rows)
