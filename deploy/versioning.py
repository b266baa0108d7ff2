"""Worker versioning: a plan stays with the build that began it, and a worker says what its own is for."""

from __future__ import annotations

import asyncio

import structlog
from temporalio.api.enums.v1 import WorkerDeploymentVersionStatus as Status
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import WorkerDeploymentConfig

from deploy.settings import Settings

logger = structlog.get_logger("ballast.worker")
SOON, LATER = 1.0, 10.0  # seconds between two looks: until the server knows this build, and from then on
MEANINGS = {
    Status.WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT: "this build is current: what starts, starts here",
    Status.WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING: "this build is ramping: a part of all starts here",
    Status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING: (
        "another build is current; plans that began here are still running, let this worker run on"
    ),
    Status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED: (
        "drained: no plan of this build runs any more. Keep a worker of it for as long as plans that it "
        "finished shall be queried or rolled back, then stop it"
    ),
}


def config(settings: Settings) -> WorkerDeploymentConfig | None:
    """None without a build id. Audits, plans and rollbacks are PINNED; workflows/upgrading.py is not."""
    if not settings.build_id:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.deployment, settings.build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


async def tell(client: Client, settings: Settings) -> None:
    """Say in the log what the server sends to this build, whenever that changes; for ever."""
    told = refused = ""
    while True:
        try:
            said = await _standing(client, settings)
        except RPCError as error:
            said = ""
            if error.message != refused:  # a right that is missing is not there in a second either
                refused = error.message
                logger.warning(
                    "the server does not say what it sends here; let this worker describe deployments",
                    why=refused,
                )
        if said and said != told:
            told = said
            logger.info(said, deployment=settings.deployment, build_id=settings.build_id)
        await asyncio.sleep(LATER if told or refused else SOON)


async def _standing(client: Client, settings: Settings) -> str:
    """Empty until the server has heard of this build. Raises RPCError if it does not say."""
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=settings.deployment)
    try:
        answer = await client.workflow_service.describe_worker_deployment(request)
    except RPCError as error:
        if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.UNAVAILABLE):  # not there yet, or for now
            return ""
        raise
    for known in answer.worker_deployment_info.version_summaries:
        if known.deployment_version.build_id == settings.build_id:
            return MEANINGS.get(known.status) or _not_current(settings)
    return ""


def _not_current(settings: Settings) -> str:
    return (
        "no workflow starts on this build before: temporal worker deployment set-current-version "
        f"--deployment-name {settings.deployment} --build-id {settings.build_id}"
    )
