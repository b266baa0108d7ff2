"""The end of a move: what rests is confirmed or taken back, and what came of it is told with its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from activities.doing.follow import Follow, failure
from activities.door import Busy, Cancelled, Failed, Transient
from activities.observe.nova import Migration, Server
from activities.rights import Denied

_NO_HOST = "No valid host"  # as Nova's own words begin when its scheduler finds none; it has no code for it
RESTING = frozenset({"finished"})  # a cold migration or a resize in VERIFY_RESIZE


@dataclass(frozen=True)
class Ending:
    """Of one move that is followed; `what` is such as `cold migration`."""

    follow: Follow
    what: str

    def accept(self, server: Server, wrong: str = "") -> tuple[Migration, Server]:
        """It rests in VERIFY_RESIZE: confirm it if nothing is wrong with it, take it back if something is."""
        follow = self.follow
        verb = follow.door.revert if wrong or follow.abort_wanted else follow.door.confirm
        try:
            with follow.watch.writing():
                verb(follow.instance)
        except Denied as why:
            rests = f"the {self.what} is over and {follow.instance} rests in {server.status}"
            raise Failed(
                f"{why.reason}; {rests}",
                f"{why.remedy}; then confirm or revert it by hand",
                kind=why.kind,
            ) from why
        except (Busy, Failed) as why:
            # Somebody (or an earlier attempt) was faster; the record tells.
            record, server = follow.until(RESTING)
            if record.status in RESTING:
                raise Transient(f"{follow.instance} rests in {server.status}: {why}") from why
            return record, server
        record, back = follow.until()
        if wrong:
            raise Failed(
                f"{self.name(record)} {wrong} and was taken back; the server is {back.status} on {back.host}",
                "plan again",
                kind="elsewhere",
            )
        return record, back

    def evidence(self, record: Migration, server: Server) -> dict[str, Any]:
        denied = self.follow.abort_denied
        return {
            "request": self.follow.request.id,
            "migration": record.id,
            "migration_uuid": record.uuid,
            "status": record.status,
            "host": server.host,
            **({"abort_denied": denied} if denied else {}),
        }

    def no_success(self, record: Migration, server: Server, remedy: str) -> Failed:
        """Why a record ended in no success. Raises Cancelled for one that was aborted as asked."""
        follow, where = self.follow, f"the server is {server.status} on {server.host}"
        if follow.abort_wanted == "asked" and server.host == follow.source and server.status != "ERROR":
            said = f"{self.name(record)} was aborted; {where}"
            raise Cancelled(said, self.evidence(record, server))
        told = failure(follow.door, follow.instance, follow.request)
        why = [told]
        if "compute_live_migration_abort" in told and not follow.aborted:
            why.insert(0, f"nova-compute on {follow.source} gave it up, as it does when it is restarted")
        if server.status == "ERROR" and server.fault is not None:
            why.append(server.fault.message)
        if record.status == "reverted":
            why.insert(0, "it was taken back")
        if follow.abort_wanted == "stalled":
            why.insert(0, "it stalled and was aborted")
        said = "; ".join(dict.fromkeys(w for w in why if w)) or "Nova gives no reason"
        if server.status == "ERROR":
            remedy = (
                f"check the guest on {server.host}, then: openstack server set --state active {server.id}"
            )
        kind = "stalled" if follow.abort_wanted == "stalled" else "migration"
        if _NO_HOST in said:
            kind = "no_valid_host"
        return Failed(f"{self.name(record)} ended as {record.status}: {said}; {where}", remedy, kind=kind)

    def name(self, record: Migration) -> str:
        return f"{self.what} {record.id} of {self.follow.instance} from {self.follow.source}"
