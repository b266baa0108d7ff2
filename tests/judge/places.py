"""Where an instance may be, after Nova's filters and Placement: each rule by its name, with the numbers."""

from __future__ import annotations

from collections.abc import Iterator

from tests.judge.picture import Picture, Row, Terms
from tests.judge.wishes import hardware, meets

Broken = Iterator[tuple[str, str]]  # (rule, sentence)

LIVE_FROM = {"ACTIVE", "PAUSED"}
COLD_FROM = {"ACTIVE", "SHUTOFF"}
FROM = {"live": LIVE_FROM, "cold": COLD_FROM}


def placement(
    snapshot: Row, instance: str, host: str, *, audit: Row | None = None, kind: str | None = None
) -> list[str]:
    """The rules that forbid moving this instance to this host now, by name; empty when it may go there."""
    picture = Picture(snapshot)
    terms = Terms(picture, audit)
    found = [*staying(picture, terms, instance, kind), *placing(picture, terms, instance, host)]
    return sorted({rule for rule, _ in found})


def placing(picture: Picture, terms: Terms, instance: str, host: str) -> Broken:
    """What speaks against this host for this instance, with everybody else where the picture has them."""
    if host not in picture.hosts:
        yield "unknown_host", f"there is no host {host}"
        return
    if not picture.enabled(host):
        yield "disabled", f"{host} is disabled"
    yield from fixed(picture, terms, instance, host)
    yield from crowding(picture, instance, host)


def fixed(picture: Picture, terms: Terms, instance: str, host: str) -> Broken:
    """The rules that no other move can change."""
    row, target = picture.instances[instance], picture.hosts[host]
    if not picture.up(host):
        yield "down", f"nova-compute on {host} is down"
    if target.get("uncertain"):
        yield "uncertain", f"the numbers of {host} are in doubt: {target['uncertain']}"
    if host not in terms.hosts:
        yield "out_of_scope", f"{host} is out of scope"
    pin = row.get("pinned_az")
    if pin and pin != picture.zone(host):
        yield "zone", f"pinned to zone {pin}, {host} is in {picture.zone(host)}"
    for resource_class, amount in sorted(picture.takes(instance, host).items()):
        if amount > picture.unit(host, resource_class):
            yield "max_unit", f"{host} never gives {amount} {resource_class} to one server"
    yield from _traits(row, target)
    yield from _aggregates(picture, row, host)
    yield from _tenants(picture, row, host)
    yield from _hypervisor(picture, row, host)


def _traits(row: Row, target: Row) -> Broken:
    offered = set(target.get("traits", ()))
    for provider in target.get("providers", ()):
        offered |= set(provider.get("traits", ()))
    for source in (row.get("extra_specs", {}), row.get("image_properties", {})):
        for key, wish in source.items():
            prefix, _, trait = key.partition(":")
            if prefix.rstrip("0123456789") != "trait":
                continue
            if wish == "required" and trait not in offered:
                yield "traits", f"needs trait {trait}, which {target['name']} lacks"
            if wish == "forbidden" and trait in offered:
                yield "traits", f"forbids trait {trait}, which {target['name']} has"


def _aggregates(picture: Picture, row: Row, host: str) -> Broken:
    offered = picture.aggregate_values(host)
    for key, wish in row.get("extra_specs", {}).items():
        scope, _, name = key.partition(":")
        if scope == "aggregate_instance_extra_specs" and not any(
            meets(value, str(wish)) for value in offered.get(name, ())
        ):
            have = ", ".join(sorted(offered.get(name, ()))) or "nothing"
            yield "aggregate", f"wants aggregate {name} {wish}; {host} offers {have}"
    yield from _isolated(picture, row, host)


def _isolated(picture: Picture, row: Row, host: str) -> Broken:
    """Aggregates that are only for servers with a trait, or only for images with a property."""
    specs, properties = row.get("extra_specs", {}), row.get("image_properties", {})
    for aggregate in picture.aggregates:
        for key, value in aggregate.get("metadata", {}).items() if host in aggregate.get("hosts", ()) else ():
            if key.startswith("trait:") and value == "required":
                if "required" not in (specs.get(key), properties.get(key)):
                    yield "aggregate", f"{aggregate['name']} is for servers that require {key[6:]}"
            elif key in properties and str(properties[key]) not in [v.strip() for v in value.split(",")]:
                yield "aggregate", f"{aggregate['name']} is for images with {key} {value}"


def _tenants(picture: Picture, row: Row, host: str) -> Broken:
    """Nova knows two readings of filter_tenant_id…, and both are kept: a host is for the projects that its
    aggregates list (the scheduler's filter), and a listed project stays on such hosts (Placement's)."""
    project = row.get("project", "")
    if not picture.kept_for(host):
        elsewhere = [name for name in picture.hosts if project in picture.kept_for(name)]
        if elsewhere:
            yield "tenant", f"project {project} is kept to {', '.join(elsewhere)}"
    elif project not in picture.kept_for(host):
        yield "tenant", f"{host} is kept for other projects than {project!r}"


def _hypervisor(picture: Picture, row: Row, host: str) -> Broken:
    there = str(picture.hosts[host].get("hypervisor_type", "QEMU")).lower()
    source = row.get("host")
    here = (
        str(picture.hosts[source].get("hypervisor_type", "QEMU")).lower()
        if source in picture.hosts
        else there
    )
    if here != there:
        yield "hypervisor_type", f"runs on {here}, {host} is {there}"
    properties = row.get("image_properties", {})
    wanted = properties.get("img_hv_type") or properties.get("hypervisor_type")
    if wanted and _family(str(wanted)) != _family(there):
        yield "hypervisor_type", f"its image asks for {wanted}, {host} is {there}"


def _family(name: str) -> str:
    """KVM guests run where Nova reports QEMU, and the other way round."""
    return "qemu" if name.lower() in ("qemu", "kvm") else name.lower()


def crowding(picture: Picture, instance: str, host: str) -> Broken:
    """The rules that depend on who else is on the host."""
    others = [uuid for uuid in picture.guests(host) if uuid != instance]
    for resource_class, amount in sorted(picture.takes(instance, host).items()):
        used = picture.claimed(host, resource_class)
        used += sum(picture.needs(uuid).get(resource_class, 0) for uuid in others)
        limit = picture.limit(host, resource_class)
        if used + amount > limit:
            yield "capacity", f"{host} would hold {used} + {amount} {resource_class} of {limit:g}"
    for other in picture.hinted(instance, "different_host"):
        if other in others:
            yield "anti_affinity", f"{instance} was asked to run apart from {other}"
    mates = {picture.where[u] for u in picture.hinted(instance, "same_host")}
    if mates and host not in mates:
        yield "affinity", f"{instance} was asked to run where {', '.join(sorted(map(str, mates)))} is"
    for group in picture.groups_of(instance):
        members = [uuid for uuid in picture.members(group) if uuid != instance]
        if group["policy"] == "affinity":
            at = {picture.where[uuid] for uuid in members} - {None}
            if at and host not in at:
                yield "affinity", f"group {group['name']} stays together on {', '.join(sorted(map(str, at)))}"
        if group["policy"] == "anti-affinity":
            there = len([uuid for uuid in members if uuid in others])
            most = group.get("max_server_per_host", 1)
            if there >= most:
                yield "anti_affinity", f"{host} has {there} of group {group['name']}, at most {most}"


def staying(picture: Picture, terms: Terms, instance: str, kind: str | None = None) -> Broken:
    """Why an instance may not move at all, or not in this way."""
    row = picture.instances[instance]
    if row.get("locked"):
        yield "locked", f"{instance} is locked"
    if row.get("task_state"):
        yield "busy", f"{instance} is busy: {row['task_state']}"
    yield from _kind(picture, terms, instance, kind)
    ties = list(hardware(row))
    if ties:
        yield "pinned_resources", f"{instance} is tied to hardware of its host: {', '.join(ties)}"
    if instance in terms.excluded:
        yield "excluded", f"{instance} is excluded by the audit"
    source = row.get("host")
    if source not in picture.hosts:
        yield "status", f"{instance} is on no known host"
        return
    if source not in terms.hosts:
        yield "out_of_scope", f"its host {source} is out of scope"
    if not picture.up(source):
        yield "down", f"its host {source} is down"
    reason = picture.hosts[source].get("disabled_reason")
    if not picture.enabled(source) and str(reason).lower().startswith("masakari"):
        yield "recovery", f"Masakari recovers its host {source}"
    if picture.hosts[source].get("uncertain"):
        yield "uncertain", f"the numbers of its host {source} are in doubt"


def stopping(picture: Picture, terms: Terms, instance: str) -> Broken:
    """Why an instance may not be stopped or started where it is."""
    moves_only = {"lifecycle", "pinned_resources", "not_allowed"}
    for rule, text in staying(picture, terms, instance, "cold"):
        if rule not in moves_only and not (rule == "status" and picture.instances[instance].get("host")):
            yield rule, text
    if picture.status(instance) not in ("ACTIVE", "SHUTOFF"):
        yield "status", f"{instance} is {picture.status(instance)}, neither running nor stopped"
    if "stop" not in terms.allow:
        yield "not_allowed", f"stop is not in allow ({', '.join(sorted(terms.allow))})"


def resizing(picture: Picture, terms: Terms, instance: str, flavor: str) -> Broken:
    """Why an instance may not get another flavor, for which it is off and goes wherever Nova wants it."""
    row, offer = picture.instances[instance], picture.flavors.get(flavor)
    for rule, text in staying(picture, terms, instance, "cold"):
        if rule not in ("lifecycle", "pinned_resources", "not_allowed"):
            yield rule, text
    words = row.get("metadata", {})
    if words.get("lifecycle:coldmigratable", "True") != "True" and picture.status(instance) in FROM["cold"]:
        yield "lifecycle", f"the tenant of {instance} wants no cold migration"
    if "resize" not in terms.allow:
        yield "not_allowed", f"resize is not in allow ({', '.join(sorted(terms.allow))})"
    if row.get("flavor") == flavor:
        yield "no_effect", f"{instance} has the flavor {flavor}"
    if offer is None:
        yield "flavor", f"there is no flavor {flavor}"
        return
    was = picture.flavors.get(row.get("flavor", ""))
    if was is not None and not row.get("boot_from_volume") and offer["disk"] < was["disk"]:
        yield "disk", f"{offer['disk']} GB are less than {was['disk']}"
    if not any(_would_take(picture, terms, instance, host, offer) for host in picture.hosts):
        yield "no_room", f"no host would take {instance} as {flavor}"


def _would_take(picture: Picture, terms: Terms, instance: str, host: str, offer: Row) -> bool:
    """Beside all that is there, itself as it is among them."""
    row, at = picture.instances[instance], picture.where[instance]
    disk = 0 if row.get("boot_from_volume") else offer["disk"]
    sizes = {"VCPU": offer["vcpus"], "MEMORY_MB": offer["ram"], "DISK_GB": disk}
    picture.instances["probe"] = {
        **row,
        "uuid": "probe",
        "resources": sizes,
        "extra_specs": offer.get("extra_specs", {}),
    }
    picture.put("probe", None)
    company = {"anti_affinity", "affinity"} if host == at else set()
    found = {rule for rule, _ in placing(picture, terms, "probe", host)} - company
    del picture.instances["probe"], picture.where["probe"]
    return not found


def _kind(picture: Picture, terms: Terms, instance: str, kind: str | None) -> Broken:
    status = picture.status(instance)
    able = {k for k, states in FROM.items() if status in states}
    words = picture.instances[instance].get("metadata", {})
    refused = {k for k in ("live", "cold") if words.get(f"lifecycle:{k}migratable", "True") != "True"}
    if kind is None:
        if able & terms.allow and not (able & terms.allow) - refused:
            yield "lifecycle", f"the tenant of {instance} wants no {'/'.join(sorted(refused))} migration"
        if not able & terms.allow:
            yield "status", f"{instance} is {status}"
            if able:
                yield "not_allowed", f"{instance} is {status}; only {'/'.join(sorted(able))} would move it"
        return
    if kind not in able:
        yield "status", f"{instance} is {status}, not for a {kind} migration"
    if kind in refused & terms.allow & able:
        yield "lifecycle", f"the tenant of {instance} wants no {kind} migration"
    if kind not in terms.allow:
        yield "not_allowed", f"{kind} migration is not in allow ({', '.join(sorted(terms.allow))})"
