"""A simulated cloud in a process of its own, over real HTTP, for as long as a bench needs it."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "simcloud"  # of the cloud in its clouds.yaml


@contextmanager
def served(hosts: int, seed: int) -> Iterator[Path]:
    """The clouds.yaml by which it is reached."""
    with tempfile.TemporaryDirectory(prefix="served-") as directory:
        file = Path(directory) / "clouds.yaml"
        cloud = ["--hosts", str(hosts), "--seed", str(seed)]
        command = [sys.executable, "-m", "deploy.simcloud", *cloud, "--port", "0", "--clouds-yaml", str(file)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            if re.search(r"http://\S+", process.stdout.readline()) is None:
                raise RuntimeError("the simulated cloud did not come up")
            yield file
        finally:
            process.terminate()
            process.wait(timeout=30)
