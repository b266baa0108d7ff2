"""How long moves take."""

from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import Migration


def live(cloud: Cloud, migration: Migration) -> float:
    """Six seconds and the memory over the wire, unless the server or its source host says otherwise."""
    instance, knobs = cloud.instances[migration.instance], cloud.settings
    given = (
        instance.live_seconds
        if instance.live_seconds is not None
        else cloud.hosts[migration.source].live_seconds
    )
    if given is not None:
        return given
    memory = instance.flavor.memory_mb * knobs.live_factor / knobs.live_rate_mb
    return _noisy(cloud, knobs.live_base + memory)


def cold(cloud: Cloud, migration: Migration) -> float:
    instance, knobs = cloud.instances[migration.instance], cloud.settings
    given = (
        instance.cold_seconds
        if instance.cold_seconds is not None
        else cloud.hosts[migration.source].cold_seconds
    )
    if given is not None:
        return given
    return _noisy(cloud, knobs.cold_base + instance.flavor.memory_mb / knobs.cold_rate_mb)


def _noisy(cloud: Cloud, seconds: float) -> float:
    noise = cloud.settings.noise
    if not noise:
        return seconds
    return seconds * (1 + cloud.ids.move_dice.uniform(-noise, noise))
