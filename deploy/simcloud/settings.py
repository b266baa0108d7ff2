"""The knobs of a cloud: how long things take and how far its limits go."""

from dataclasses import dataclass


@dataclass
class Settings:
    """Seconds are simulated seconds; the defaults follow what a small real control plane showed."""

    record_delay: float = 0.3  # a migration record appears this long after the 202
    schedule_delay: float = 0.2  # then the scheduler decides
    completion_lag: float = 0.5  # a live record ends this long after the server has settled
    prompt_share: float = 0.5  # of live records that do not let themselves be waited for, at either end
    settle_lag: float = 0.2  # and another record this long before the server has settled
    live_base: float = 6.0
    live_factor: float = 1.3  # pages written meanwhile are sent again
    live_rate_mb: float = 1250.0  # MB per second
    prepare_seconds: float = 1.0  # of live_base, before memory flows
    cold_base: float = 6.0
    cold_rate_mb: float = 1250.0
    noise: float = 0.0  # 0.2: durations vary by +-20 %, by the seed
    boot_seconds: float = 1.0
    power_seconds: float = 0.5
    delete_seconds: float = 0.3
    confirm_seconds: float = 0.5
    evacuate_seconds: float = 1.5
    service_down_time: float = 28.0
    restart_seconds: float = 2.0
    abort_seconds: float = 1.0
    resize_confirm_window: float = 0.0  # confirm by itself after so long; 0 never
    allow_resize_to_same_host: bool = False
    max_concurrent_live_migrations: int = 2
    max_limit: int = 1000
    token_ttl: float = 3600.0
    metrics_token: str = ""  # that the cloud's Prometheus demands
    metrics_tenant: str = ""  # likewise, as X-Scope-OrgID
    default_zone: str = "nova"
