"""The permits of a cloud where worker versioning is on: they never end, so each new build takes them over."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.common import VersioningBehavior

from workflows.permits import Permits


@workflow.defn(name="Permits", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class UpgradingPermits(Permits):
    """A worker without versions may not even name a behaviour: the server refuses all that it says then."""

    @workflow.init
    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(document)

    @workflow.run
    async def run(self, document: dict[str, Any]) -> None:
        await super().run(document)
