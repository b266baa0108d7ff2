"""Which of Nova's or Placement's own policy rules admit a role: asked of the services' own enforcers."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

PYTHON = Path(".venv-devcloud/bin/python")
_START = """
import json, sys
"""
_NOVA = """
from nova import context, policy
import nova.conf
nova.conf.CONF([], default_config_files=[])
policy.init(policy_file=sys.argv[1], suppress_deprecation_warnings=True)
one = context.RequestContext(user_id="u", project_id="ours", roles=sys.argv[2:])
rules = [name for name in policy.get_rules() if name.startswith("os_compute_api:")]
asked = {"project_id": "theirs", "user_id": "somebody"}
found = [name for name in rules if policy.authorize(one, name, asked, do_raise=False)]
"""
_PLACEMENT = """
from oslo_config import cfg
from oslo_policy import opts
from placement import conf, context, policies, policy
config = cfg.ConfigOpts()
conf.register_opts(config)
config.set_default("connection", "sqlite://", "placement_database")
config([], default_config_files=[])
opts.set_defaults(config, policy_file=sys.argv[1])
policy.init(config)
one = context.RequestContext(user_id="u", project_id="ours", roles=sys.argv[2:], config=config)
rules = [rule.name for rule in policies.list_rules() if rule.name.startswith("placement:")]
asked = {"project_id": "theirs", "user_id": "somebody"}
found = [name for name in rules if policy.authorize(one, name, asked, do_raise=False)]
"""
_END = """
print(json.dumps(sorted(found)))
"""
_PROGRAMS = {"compute": _NOVA, "placement": _PLACEMENT}


def allowed(service: str, policy: Path, *roles: str) -> frozenset[str]:
    """The rules that admit somebody with these roles to what belongs to another project."""
    done = subprocess.run(
        [
            str(PYTHON),
            "-W",
            "ignore",
            "-c",
            _START + _PROGRAMS[service] + _END,
            str(policy.absolute()),
            *roles,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "OS_NOVA_DISABLE_EVENTLET_PATCHING": "true"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return frozenset(json.loads(done.stdout.splitlines()[-1]))
