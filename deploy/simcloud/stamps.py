"""Times as the services write them; each has its own habit."""

from deploy.simcloud.cloud import Cloud


def iso_z(cloud: Cloud, seconds: float, *, micro: bool = False) -> str:
    """2031-01-01T00:00:00Z, as server timestamps."""
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ"
    return cloud.clock.moment(seconds).strftime(form)


def naive(cloud: Cloud, seconds: float | None) -> str | None:
    """2031-01-01T00:00:00.000000 without a zone, as Nova's extensions and actions."""
    return None if seconds is None else cloud.clock.moment(seconds).strftime("%Y-%m-%dT%H:%M:%S.%f")
