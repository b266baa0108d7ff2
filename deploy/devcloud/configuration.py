"""The services' configuration files, written anew at every start from the layout."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from deploy.devcloud.layout import NAME, REGION, Layout, write_whole

RIGHTS = Path(__file__).parents[1] / "openstack"  # what an operator applies to his own cloud
Sections: TypeAlias = Mapping[str, Mapping[str, object]]
PLUGIN = "ballast_devcloud_ml2-1.dist-info"
COMPUTE_IDS = uuid.UUID("7f1a4d6e-5b0f-4c3e-9a55-8a4f0f6f3b11")  # name space of the hosts' own ids


def text(sections: Sections) -> str:
    blocks = (
        "\n".join([f"[{name}]", *(f"{k} = {v}" for k, v in body.items())]) for name, body in sections.items()
    )
    return "\n\n".join(blocks) + "\n"


def database(cloud: Layout, name: str) -> str:
    address = f"127.0.0.1:{cloud.ports['mariadb']}"
    return f"mysql+pymysql://{NAME}:{cloud.secret}@{address}/{name}?charset=utf8mb4"


def transport(cloud: Layout) -> str:
    return f"rabbit://{NAME}:{cloud.secret}@127.0.0.1:{cloud.ports['rabbitmq']}/"


def account(cloud: Layout, user: str) -> dict[str, object]:
    """How one service signs in at Keystone."""
    return {
        "auth_type": "password",
        "auth_url": cloud.url("keystone") + "/v3",
        "username": user,
        "password": cloud.secret,
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": REGION,
    }


def token_check(cloud: Layout, user: str, kind: str) -> dict[str, object]:
    return {
        **account(cloud, user),
        "service_type": kind,  # without it a credential with access rules is refused altogether
        "www_authenticate_uri": cloud.url("keystone"),
        "memcached_servers": f"127.0.0.1:{cloud.ports['memcached']}",
        "service_token_roles_required": "true",
        "service_token_roles": "service,admin",
    }


def write(cloud: Layout) -> None:
    """All files but those of the computes."""
    files: dict[str, Sections] = {
        "keystone.conf": keystone(cloud),
        "placement.conf": placement(cloud),
        "glance-api.conf": glance(cloud),
        "neutron.conf": neutron(cloud),
        "nova.conf": {**nova(cloud), **nova_databases(cloud)},
        # A compute has no business with the databases, and does not always start with their sections.
        "nova-compute.conf": nova(cloud),
    }
    for name, sections in files.items():
        write_whole(cloud.etc / name, text(sections))
    for name in ("nova-policy.yaml", "placement-policy.yaml"):
        write_whole(cloud.etc / name, (RIGHTS / name).read_text())
    (cloud.etc / "nova-api-paste.ini").write_text((cloud.templates / "nova" / "api-paste.ini").read_text())
    plugin = cloud.etc / "plugins" / PLUGIN
    plugin.mkdir(parents=True, exist_ok=True)
    (plugin / "METADATA").write_text("Metadata-Version: 2.1\nName: ballast-devcloud-ml2\nVersion: 1\n")
    (plugin / "entry_points.txt").write_text("[neutron.ml2.mechanism_drivers]\nsim = devcloud_ml2:Sim\n")


def keystone(cloud: Layout) -> Sections:
    return {
        "database": {"connection": database(cloud, "keystone")},
        "cache": {
            "enabled": "true",
            "backend": "dogpile.cache.pymemcache",
            "memcache_servers": f"127.0.0.1:{cloud.ports['memcached']}",
        },
        # Every compute signs in at start; at the usual cost a hundred of them keep a core busy for a minute.
        "identity": {"password_hash_rounds": 4},
        "token": {"provider": "fernet", "expiration": 86400},
        "fernet_tokens": {"key_repository": cloud.data("fernet")},
        "credential": {"key_repository": cloud.data("credential-keys")},
    }


def placement(cloud: Layout) -> Sections:
    return {
        "api": {"auth_strategy": "keystone"},
        "placement_database": {"connection": database(cloud, "placement")},
        "keystone_authtoken": token_check(cloud, "placement", "placement"),
        "oslo_policy": {"policy_file": cloud.etc / "placement-policy.yaml"},
    }


def glance(cloud: Layout) -> Sections:
    return {
        "DEFAULT": {"enabled_backends": "file:file", "enabled_import_methods": "[]"},
        "database": {"connection": database(cloud, "glance")},
        "glance_store": {"default_backend": "file"},
        "file": {"filesystem_store_datadir": cloud.data("images")},
        "os_glance_staging_store": {"filesystem_store_datadir": cloud.data("images-staging")},
        "os_glance_tasks_store": {"filesystem_store_datadir": cloud.data("images-tasks")},
        "paste_deploy": {
            "flavor": "keystone",
            "config_file": cloud.templates / "glance" / "glance-api-paste.ini",
        },
        "keystone_authtoken": token_check(cloud, "glance", "image"),
    }


def neutron(cloud: Layout) -> Sections:
    return {
        "DEFAULT": {
            "core_plugin": "ml2",
            "service_plugins": "",
            "transport_url": transport(cloud),
            "auth_strategy": "keystone",
            "state_path": cloud.data("neutron"),
            "api_paste_config": cloud.templates / "neutron" / "api-paste.ini",
            "notify_nova_on_port_status_changes": "false",
            "notify_nova_on_port_data_changes": "false",
        },
        "database": {"connection": database(cloud, "neutron")},
        "keystone_authtoken": token_check(cloud, "neutron", "network"),
        "oslo_concurrency": {"lock_path": cloud.data("locks")},
        "ml2": {"type_drivers": "local", "tenant_network_types": "local", "mechanism_drivers": "sim"},
    }


def nova(cloud: Layout) -> Sections:
    return {
        "DEFAULT": {
            "transport_url": transport(cloud),
            "my_ip": "127.0.0.1",
            "host": "controller",
            "state_path": cloud.data("nova"),
            "compute_driver": "devcloud.DevcloudDriver",
            "report_interval": 10,
            "service_down_time": 30,
            "update_resources_interval": 30,
            "max_concurrent_live_migrations": 2,
            "vif_plugging_is_fatal": "false",
            "vif_plugging_timeout": 0,
        },
        "api": {"auth_strategy": "keystone"},
        "keystone_authtoken": token_check(cloud, "nova", "compute"),
        "oslo_policy": {"policy_file": cloud.etc / "nova-policy.yaml"},
        "placement": account(cloud, "nova"),
        "glance": account(cloud, "nova"),
        "neutron": account(cloud, "nova"),
        "service_user": {**account(cloud, "nova"), "send_service_user_token": "true"},
        "oslo_concurrency": {"lock_path": cloud.data("locks")},
        "conductor": {"workers": 1},
        "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": 5},
        "filter_scheduler": {
            "enabled_filters": ",".join(
                [
                    *("ComputeFilter", "ComputeCapabilitiesFilter", "ImagePropertiesFilter"),
                    *("ServerGroupAntiAffinityFilter", "ServerGroupAffinityFilter"),
                    *("AggregateInstanceExtraSpecsFilter", "AggregateMultiTenancyIsolation"),
                ]
            )
        },
        "vnc": {"enabled": "false"},
    }


def nova_databases(cloud: Layout) -> Sections:
    return {
        "api_database": {"connection": database(cloud, "nova_api")},
        "database": {"connection": database(cloud, "nova")},
    }


def write_compute(cloud: Layout, host: str) -> None:
    """The file of one host, and the identity without which a nova-compute cannot be started twice."""
    state = cloud.root / "computes" / host
    state.mkdir(parents=True, exist_ok=True)
    (state / "nova.conf").write_text(text({"DEFAULT": {"host": host, "state_path": state}}))
    identity = state / "compute_id"
    if not identity.exists():
        write_whole(identity, str(uuid.uuid5(COMPUTE_IDS, host)))
