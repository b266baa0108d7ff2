"""POST /servers/{id}/action: what can be asked of a server, one function per verb."""

from collections.abc import Callable
from typing import Any

from deploy.simcloud import boot, cold, cold_end, evacuation, forms, live, power
from deploy.simcloud.entities import Instance
from deploy.simcloud.http import Call, Response, truth
from deploy.simcloud.nova import ROUTES, require_admin
from deploy.simcloud.nova_servers import changeable
from deploy.simcloud.refusal import Refusal

Verb = Callable[[Call, Instance, Any], Response]


@ROUTES.on("POST", "/v2.1/servers/{server}/action")
def act(call: Call) -> Response:
    if isinstance(call.request.body, list):
        raise Refusal(404, "The resource could not be found.")
    if len(call.body) != 1:
        raise Refusal(400, "Malformed request body")
    name, given = next(iter(call.body.items()))
    verb = VERBS.get(name)
    if verb is None:
        raise Refusal(400, f"There is no such action: {name}")
    return verb(call, changeable(call, call["server"]), given)


def _migrate_live(call: Call, instance: Instance, given: Any) -> Response:
    named = isinstance(given, dict) and given.get("host") is not None
    require_admin(call, "os-migrate-server:migrate_live" + (":host" if named else ""))
    if not isinstance(given, dict) or "host" not in given or "block_migration" not in given:
        raise Refusal(400, "Invalid input for field/attribute os-migrateLive. 'host' is a required property")
    _check_live_keys(call, given)
    host = given["host"]
    force = call.at_least(30) and truth(str(given.get("force", False)))
    if force and not host:
        raise Refusal(400, "Can't force to a non-provided destination")
    # Before 2.30 naming a host was forcing it.
    bypass = force or not call.at_least(30)
    migration = live.ask(
        call.cloud, instance, call.by, host=host, bypass=bypass, synchronous=not call.at_least(34)
    )
    call.notes["migration"] = migration.uuid
    return Response(202)


def _check_live_keys(call: Call, given: dict[str, Any]) -> None:
    known = {"host", "block_migration"}
    if not call.at_least(25):
        known |= {"disk_over_commit"}
    if call.at_least(30) and not call.at_least(68):
        known |= {"force"}
    for key in given:
        if key not in known:
            raise Refusal(
                400,
                "Invalid input for field/attribute os-migrateLive. "
                f"Additional properties are not allowed ('{key}' was unexpected)",
            )
    if given["block_migration"] == "auto" and not call.at_least(25):
        raise Refusal(400, "Invalid input for field/attribute block_migration. 'auto' needs 2.25")


def _migrate(call: Call, instance: Instance, given: Any) -> Response:
    require_admin(call, "os-migrate-server:migrate")
    if given is not None and not call.at_least(56):
        raise Refusal(400, "Invalid input for field/attribute migrate. A host needs 2.56")
    wanted = forms.fields("migrate", given, known=("host",), nullable=True)
    host = forms.text("host", wanted.get("host"), nullable=True)
    migration = cold.ask(call.cloud, instance, call.by, host=host)
    call.notes["migration"] = migration.uuid
    return Response(202)


def _resize(call: Call, instance: Instance, given: Any) -> Response:
    wanted = forms.fields("resize", given, known=("flavorRef", "OS-DCF:diskConfig"), required=("flavorRef",))
    reference = str(wanted["flavorRef"])
    flavor = call.cloud.flavors.get(reference)
    cold.require_movable(call.cloud, instance, call.by, "resize")
    if flavor is None:
        raise Refusal(400, f"Flavor {reference} could not be found.")
    if not instance.from_volume and not flavor.disk_gb and instance.flavor.disk_gb:
        raise Refusal(400, "Resize to zero disk flavor is not allowed.")
    if flavor == instance.flavor:
        raise Refusal(400, "When resizing, instances must change flavor!")
    _check_growth(
        call, instance, flavor.vcpus - instance.flavor.vcpus, flavor.memory_mb - instance.flavor.memory_mb
    )
    if not instance.from_volume and flavor.disk_gb < instance.least_disk_gb:
        sizes = f"Flavor disk is {flavor.disk_gb << 30} bytes, minimum size is {instance.least_disk_gb << 30}"
        text = "Flavor's disk is smaller than the minimum size specified in image metadata."
        raise Refusal(400, f"{text} {sizes} bytes.")
    migration = cold.ask(call.cloud, instance, call.by, flavor=flavor)
    call.notes["migration"] = migration.uuid
    return Response(202)


def _check_growth(call: Call, instance: Instance, cores: int, memory_mb: int) -> None:
    boot.check_growth(
        call.cloud, instance.project_id, instances=0, cores=max(0, cores), ram=max(0, memory_mb)
    )


def _confirm(call: Call, instance: Instance, _given: Any) -> Response:
    call.notes["migration"] = cold_end.confirm(call.cloud, instance, call.by).uuid
    return Response(204)


def _revert(call: Call, instance: Instance, _given: Any) -> Response:
    call.notes["migration"] = cold_end.revert(call.cloud, instance, call.by).uuid
    return Response(202)


def _evacuate(call: Call, instance: Instance, given: Any) -> Response:
    require_admin(call, "os-evacuate")
    known = ("host", "adminPass") if call.at_least(14) else ("host", "adminPass", "onSharedStorage")
    wanted = forms.fields("evacuate", given, known=known)
    host = forms.text("host", wanted["host"]) if "host" in wanted else None
    migration = evacuation.ask(call.cloud, instance, call.by, host=host, stays_stopped=call.at_least(95))
    call.notes["migration"] = migration.uuid
    return Response(200, None if call.at_least(14) else {"adminPass": "simulated"})


def _switch(switch: power.Switch) -> Verb:
    def turn(call: Call, instance: Instance, _given: Any) -> Response:
        power.turn(call.cloud, instance, call.by, switch)
        return Response(202)

    return turn


def _reboot(call: Call, instance: Instance, given: Any) -> Response:
    kinds = ("HARD", "Hard", "hard", "SOFT", "Soft", "soft")
    wanted = forms.fields("reboot", given, known=("type",), required=("type",))
    kind = forms.choice("type", wanted["type"], kinds).upper()
    power.turn(call.cloud, instance, call.by, power.SOFT_REBOOT if kind == "SOFT" else power.HARD_REBOOT)
    return Response(202)


def _lock(call: Call, instance: Instance, given: Any) -> Response:
    reason = None
    if call.at_least(73):
        wanted = forms.fields("lock", given, known=("locked_reason",), nullable=True)
        reason = forms.text("locked_reason", wanted["locked_reason"]) if "locked_reason" in wanted else None
    power.lock(call.cloud, instance, call.by, reason)
    return Response(202)


def _unlock(call: Call, instance: Instance, _given: Any) -> Response:
    power.unlock(call.cloud, instance, call.by)
    return Response(202)


def _reset(call: Call, instance: Instance, given: Any) -> Response:
    require_admin(call, "os-admin-actions:reset_state")
    wanted = forms.fields("os-resetState", given, known=("state",), required=("state",))
    state = forms.choice("state", wanted["state"], ("active", "error"))
    power.reset_state(call.cloud, instance, call.by, state)
    return Response(202)


VERBS: dict[str, Verb] = {
    "os-migrateLive": _migrate_live,
    "migrate": _migrate,
    "resize": _resize,
    "confirmResize": _confirm,
    "revertResize": _revert,
    "evacuate": _evacuate,
    "os-stop": _switch(power.STOP),
    "os-start": _switch(power.START),
    "pause": _switch(power.PAUSE),
    "unpause": _switch(power.UNPAUSE),
    "reboot": _reboot,
    "lock": _lock,
    "unlock": _unlock,
    "os-resetState": _reset,
}
