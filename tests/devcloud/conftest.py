"""One running devcloud and one stack of Ballast beside it for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.devcloud.layout import NAME, Layout, layout
from tests.behaviour.clouds import Cloud
from tests.behaviour.real import ENVIRONMENT, Real
from tests.devcloud.site import Site
from tests.live.stack import Live, bring_up_beside


@pytest.fixture(scope="session")
def real(request: pytest.FixtureRequest) -> Cloud:
    return Cloud(Real(Path(request.config.getoption("--devcloud-directory"))))


@pytest.fixture(scope="session")
def control(real: Cloud, request: pytest.FixtureRequest) -> Layout:
    """The processes of the control plane."""
    return layout(Path(request.config.getoption("--devcloud-directory")), ENVIRONMENT.absolute())


@pytest.fixture(scope="session")
def ballast(control: Layout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    live = bring_up_beside(tmp_path_factory.mktemp("ballast"), control.clouds, f"{NAME}-operator")
    yield live
    live.stack.down()


@pytest.fixture
def site(ballast: Live, real: Cloud, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A cloud without servers; what a test leaves in it is swept afterwards."""
    site = Site(ballast, request.node.name, cloud=real)
    yield site
    site.clear()
