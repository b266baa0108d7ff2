"""Composition root of a worker: workflows and activities meet here, and only here."""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import structlog
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities.act import Activities
from activities.memory.keeping import Keeping
from activities.memory.store import SnapshotStore
from activities.memory.trail import Receiver, Trail
from activities.metrics.measuring import Measuring
from activities.observe import sweep
from activities.openstack import open_door
from activities.others.holders import Holders
from activities.others.moving import Moving
from activities.others.neighbours import Neighbours
from activities.others.orphans import Orphans
from deploy import datasources, halves, log, owners, pages, policies, signers, versioning
from deploy.settings import Settings
from deploy.sweeping import swept
from plan_schemas import catalog
from plan_schemas.catalog import Catalog
from plan_schemas.problems import Invalid
from workflows import start
from workflows.action_plan import ActionPlan
from workflows.audit import Audit
from workflows.permits import Permits
from workflows.plugin import BallastPlugin
from workflows.rollback import Rollback
from workflows.upgrading import UpgradingPermits
from workflows.wire import attributes
from workflows.wire.guard import UnknownWorkflow

logger = structlog.get_logger("ballast.worker")


class CannotRun(RuntimeError):
    """Why this worker does not start, and what to do."""


async def run(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Serve the task queue until SIGTERM or SIGINT. Raises CannotRun."""
    log.configure(settings.log_level)
    for complaint in (*owners.complaints(), *halves.complaints()):
        raise CannotRun(complaint)
    _require_one_store(settings)
    client = await _connected(settings)
    await require_search_attributes(client)
    stop = stop or _stopped_by_signals()
    async with build(client, settings), swept(client, settings.store, settings.store_retention):
        logger.info("worker started", task_queue=settings.task_queue, namespace=client.namespace)
        telling = asyncio.create_task(versioning.tell(client, settings)) if settings.build_id else None
        await stop.wait()
        if telling is not None:
            telling.cancel()
        logger.info("worker stops; running actions go on in the cloud and are taken up again")


def _require_one_store(settings: Settings) -> None:
    """What one worker keeps every other one must be able to read."""
    if settings.hosts > 1 and not settings.store_shared:
        raise CannotRun(
            f"BALLAST_HOSTS={settings.hosts}: snapshots and large payloads are in {settings.store}, a "
            "directory for one host; put it on a file system that all hosts share and set "
            "BALLAST_STORE_SHARED=true, or run workers on one host only"
        )


async def _connected(settings: Settings) -> Client:
    try:
        return await start.connect(plugin=BallastPlugin(settings.store, keeps=True))
    except RuntimeError as error:  # the SDK has no narrower word for it
        remedy = "check TEMPORAL_ADDRESS, TEMPORAL_PROFILE and TEMPORAL_CONFIG_FILE"
        raise CannotRun(f"Temporal cannot be reached; {remedy}: {error}") from error


def build(client: Client, settings: Settings) -> Worker:
    """A worker for everything that Ballast does, over a client with its plugin."""
    # A collection reads with threads of its own beside those of the activities.
    door = partial(open_door, connections=settings.threads + sweep.THREADS)
    known, store = _catalog(settings), SnapshotStore(settings.store)
    sources = datasources.read(settings.datasources, known, settings.plans)
    activities = Activities(
        catalog=known,
        store=store,
        open_door=door,
        client=client,
        trail=_trail(settings),
        policies=policies.read(settings.policies),
        signers=signers.read(settings.signers),
        show=pages.writer(settings.store, known),
    )
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=[
            Audit,
            ActionPlan,
            Rollback,
            UpgradingPermits if settings.build_id else Permits,
            *([UnknownWorkflow] if settings.reject_unknown_types else []),
        ],
        activities=[
            *activities.all(),
            *Neighbours(client).all(),
            *Holders(client).all(),
            *Orphans(client, Keeping(settings.store), door).all(),
            *Moving(door).all(),
            *Measuring(known, store, sources).all(),
        ],
        deployment_config=versioning.config(settings),
        activity_executor=ThreadPoolExecutor(settings.threads, "action"),
        max_concurrent_activities=settings.threads,
        # After a worker's sudden death its workflows wait this long for another one.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
        graceful_shutdown_timeout=timedelta(seconds=10),
        # A cancellation travels with the answer to a heartbeat: an abort must not wait for a slow one.
        max_heartbeat_throttle_interval=timedelta(seconds=2),
    )


def _trail(settings: Settings) -> Trail:
    receiver = Receiver(settings.events_url, settings.events_token) if settings.events_url else None
    return Trail(settings.store / "trail", receiver)


def _catalog(settings: Settings) -> Catalog:
    try:
        return catalog.load(settings.plans)
    except Invalid as error:
        told = "; ".join(str(problem) for problem in error.problems)
        raise CannotRun(f"the catalogue in BALLAST_PLANS={settings.plans} is not valid: {told}") from error


async def require_search_attributes(client: Client) -> None:
    """Register ours in the namespace; without them every workflow would hang at its first upsert."""
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    missing = [key for key in attributes.ALL if key.name not in known.custom_attributes]
    if not missing:
        return
    request = AddSearchAttributesRequest(namespace=client.namespace)
    for key in missing:
        request.search_attributes[key.name] = key.indexed_value_type.value  # type: ignore[assignment]
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        options = " ".join(f"--name {k.name} --type {k.indexed_value_type.name.title()}" for k in missing)
        raise CannotRun(
            f"search attributes are missing in namespace {client.namespace} and cannot be added "
            f"({error.message}); let an administrator run: "
            f"temporal operator search-attribute create {options}"
        ) from error
    logger.info("search attributes registered", names=[k.name for k in missing])


def _stopped_by_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
