"""JSON logs, one object a line, with secrets taken out whatever library wrote them."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

SECRET_KEYS = re.compile(r"(?i)(passw|secret|token|api_?key|authorization|credential$|cookie)")
SECRET_TEXT = re.compile(
    r"(?i)((?:x-auth-token|x-subject-token|authorization|password|secret|token)[\"']?\s*[:=]\s*[\"']?)"
    r"(?:bearer\s+)?[^\s\"',;}]+"
)
HIDDEN = "***"

Event = MutableMapping[str, Any]


def redact(_: Any, __: str, event: Event) -> Event:
    """Hide values by the name of their key, and what looks like a secret inside texts."""
    return {k: HIDDEN if SECRET_KEYS.search(k) else _clean(v) for k, v in event.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return SECRET_TEXT.sub(rf"\1{HIDDEN}", value)
    if isinstance(value, dict):
        return {k: HIDDEN if SECRET_KEYS.search(str(k)) else _clean(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(v) for v in value]
    return value


def said_in_a_line(record: logging.LogRecord) -> bool:
    """An error that says in a sentence what is wrong (a refused document, a right that is missing) needs no
    traceback: the place where it was raised is not what is to be mended.
    """
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, ApplicationError):
        record.error, record.exc_info = str(error), None
    return True


def configure(level: str = "INFO", stream: TextIO = sys.stderr) -> None:
    """Send structlog's and every library's records through one chain."""
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.addFilter(said_in_a_line)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*before, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("keystoneauth", "urllib3", "openstack"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # The ids arrive as fields of their own.
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False
