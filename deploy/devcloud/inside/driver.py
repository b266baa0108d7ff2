"""A virt driver for unmodified nova-compute: guests that are only a note on disk, migrations that take time.

Derived from nova.virt.fake. What a host is and how its migrations go is read from the knobs file at every
use, so a test changes it while the cloud runs:

    {"default": {"live_seconds": 1.0, "live_seconds_per_gib": 0.5, "cold_seconds": 1.0},
     "hosts":   {"cmp-001": {"vcpus": 32, "memory_mb": 131072, "disk_gb": 1000, "traits": ["CUSTOM_SSD"]}},
     "servers": {"<uuid>": {"live_seconds": 60, "fail": "way"}}}

`fail` is where a migration fails: "check" (destination's check), "pre" (destination's preparation), "way"
(half of the memory is over), "cold" (a cold migration or resize). `stall: true` holds a live migration at
half. A server's knobs win over those of the host that does the step, and those over `default`.
"""

import json
import os
import threading
import time
from pathlib import Path

import nova.conf
from nova import exception
from nova.compute import power_state, vm_states
from nova.objects import fields
from nova.virt import fake

CONF = nova.conf.CONF
KNOBS = "DEVCLOUD_KNOBS"  # names the environment variable that holds the file's path
MIB = 1024**2
STEP = 0.1  # seconds between two looks at a running live migration
REPORT = 0.5  # seconds between two reports of its progress


def knobs(instance=None):
    """What applies to this host, and to this server, at this moment."""
    document = json.loads(Path(os.environ[KNOBS]).read_text())
    found = {**document.get("default", {}), **document.get("hosts", {}).get(CONF.host, {})}
    if instance is not None:
        found.update(document.get("servers", {}).get(instance.uuid, {}))
    return found


def seconds(kind, instance):
    """How long a migration of this server takes: a fixed part and one for each GiB of its memory."""
    found = knobs(instance)
    per_gib = found.get(f"{kind}_seconds_per_gib", 0.0)
    return found.get(f"{kind}_seconds", 1.0) + per_gib * instance.flavor.memory_mb / 1024


def refuse(at, instance):
    """Fail here if the knobs say so."""
    if knobs(instance).get("fail") == at:
        raise exception.MigrationError(reason=f"the devcloud knobs let it fail at {at!r} on {CONF.host}")


class Transfer:
    """One live migration on its way: what has been asked of it and how far it is (0..1)."""

    def __init__(self):
        self.aborted = threading.Event()
        self.completed = threading.Event()
        self.done = 0.0

    def advance(self, share, stalled):
        """Go on by `share` of the whole; a stalled one stops at half."""
        self.done = min(1.0, self.done + share)
        if stalled:
            self.done = min(self.done, 0.5)
        if self.completed.is_set():
            self.done = 1.0


class DevcloudDriver(fake.FakeDriverWithoutFakeNodes):
    """One host of the devcloud."""

    vcpus = property(lambda _self: knobs()["vcpus"])
    memory_mb = property(lambda _self: knobs()["memory_mb"])
    local_gb = property(lambda _self: knobs()["disk_gb"])

    def __init__(self, virtapi, read_only=False):
        super().__init__(virtapi, read_only)
        self._guests = Path(CONF.state_path) / "guests.json"
        self._keeping = threading.Lock()
        self._transfers = {}
        self._given_traits = set()
        self.host_status_base.update(
            hypervisor_type="QEMU",
            supported_instances=[(fields.Architecture.X86_64, fields.HVType.QEMU, fields.VMMode.HVM)],
        )

    def init_host(self, host):
        super().init_host(host)
        if self._guests.exists():
            for uuid, guest in json.loads(self._guests.read_text()).items():
                self.instances[uuid] = fake.FakeInstance(guest["name"], guest["state"], uuid)

    def _keep(self):
        """Write the guests down, so that they survive a restart or a kill of this process."""
        with self._keeping:
            guests = {u: {"name": g.name, "state": g.state} for u, g in list(self.instances.items())}
            draft = self._guests.with_suffix(".new")
            draft.write_text(json.dumps(guests))
            draft.replace(self._guests)

    def _set_state(self, instance, state):
        if instance.uuid not in self.instances:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        self.instances[instance.uuid].state = state
        self._keep()

    # What the host offers

    def get_available_resource(self, nodename):
        self.resources.vcpus, self.resources.memory_mb = self.vcpus, self.memory_mb
        self.resources.local_gb = self.local_gb
        return super().get_available_resource(nodename)

    def update_provider_tree(self, provider_tree, nodename, allocations=None):
        super().update_provider_tree(provider_tree, nodename, allocations)
        wanted = set(knobs().get("traits", ()))
        provider_tree.remove_traits(nodename, *(self._given_traits - wanted))
        provider_tree.add_traits(nodename, *wanted)
        self._given_traits = wanted

    # Guests

    def spawn(self, context, instance, *args, **kwargs):
        super().spawn(context, instance, *args, **kwargs)
        self._keep()

    def destroy(self, context, instance, *args, **kwargs):
        super().destroy(context, instance, *args, **kwargs)
        self._keep()

    def power_on(self, context, instance, *args, **kwargs):
        self._set_state(instance, power_state.RUNNING)

    def power_off(self, instance, timeout=0, retry_interval=0):
        self._set_state(instance, power_state.SHUTDOWN)

    def pause(self, instance):
        self._set_state(instance, power_state.PAUSED)

    def unpause(self, instance):
        self._set_state(instance, power_state.RUNNING)

    # Cold migration and resize

    def migrate_disk_and_power_off(self, context, instance, dest, flavor, *args, **kwargs):
        time.sleep(seconds("cold", instance))
        refuse("cold", instance)
        # As libvirt's driver does; Nova's API refuses only a disk smaller than the server was booted with.
        if flavor.root_gb < instance.flavor.root_gb or flavor.ephemeral_gb < instance.flavor.ephemeral_gb:
            reason = exception.ResizeError(reason="Unable to resize disk down.")
            raise exception.InstanceFaultRollback(reason)
        self._set_state(instance, power_state.SHUTDOWN)

    def finish_revert_migration(self, context, instance, *args, **kwargs):
        super().finish_revert_migration(context, instance, *args, **kwargs)
        self._keep()

    # Live migration

    def check_can_live_migrate_destination(self, context, instance, *args, **kwargs):
        if knobs(instance).get("fail") == "check":
            raise exception.MigrationPreCheckError(reason=f"the devcloud knobs refuse it on {CONF.host}")
        return super().check_can_live_migrate_destination(context, instance, *args, **kwargs)

    def pre_live_migration(self, context, instance, *args, **kwargs):
        refuse("pre", instance)
        return super().pre_live_migration(context, instance, *args, **kwargs)

    def live_migration(
        self, context, instance, dest, post_method, recover_method, block_migration=False, migrate_data=None
    ):
        transfer = self._transfers[instance.uuid] = Transfer()
        try:
            ending = self._transfer(instance, transfer, migrate_data.migration)
        finally:
            del self._transfers[instance.uuid]
        if ending == "completed":
            post_method(context, instance, dest, block_migration, migrate_data)
        else:
            recover_method(context, instance, dest, migrate_data, migration_status=ending)

    def _transfer(self, instance, transfer, migration):
        """Let the memory go over; answers how it ended, in the words of the migration record."""
        last = reported = time.monotonic()
        while transfer.done < 1.0:
            if transfer.aborted.wait(STEP):
                return "cancelled"
            now, found = time.monotonic(), knobs(instance)
            transfer.advance((now - last) / max(seconds("live", instance), STEP), found.get("stall", False))
            last = now
            if found.get("fail") == "way" and transfer.done >= 0.5:
                return "failed"
            if now - reported >= REPORT:
                reported = now
                self._report(instance, transfer.done, migration)
        return "completed"

    @staticmethod
    def _report(instance, done, migration):
        total = instance.flavor.memory_mb * MIB
        migration.memory_total, migration.memory_processed = total, int(total * done)
        migration.memory_remaining = total - migration.memory_processed
        migration.disk_total = migration.disk_processed = migration.disk_remaining = 0
        migration.save()
        instance.progress = int(100 * done)
        instance.save()

    def live_migration_abort(self, instance):
        transfer = self._transfers.get(instance.uuid)
        if transfer is None:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        transfer.aborted.set()

    def live_migration_force_complete(self, instance):
        transfer = self._transfers.get(instance.uuid)
        if transfer is not None:
            transfer.completed.set()

    def post_live_migration(self, context, instance, block_device_info, migrate_data=None):
        self.destroy(context, instance, network_info=None, block_device_info=block_device_info)

    def post_live_migration_at_destination(self, context, instance, *args, **kwargs):
        super().post_live_migration_at_destination(context, instance, *args, **kwargs)
        if instance.vm_state == vm_states.PAUSED:
            self._set_state(instance, power_state.PAUSED)
