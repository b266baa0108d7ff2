"""A served cloud's state in a file: killed and started again, it has forgotten nothing, as a real one."""

import json
import os
import pickle
import time
from pathlib import Path
from typing import Any

from deploy.simcloud.cloud import Cloud

TAIL = 65_536  # bytes of the journal's end that are read


def keep(cloud: Cloud, path: Path) -> None:
    """Replaces the file as a whole, or not at all."""
    new = path.with_suffix(".new")
    new.write_bytes(pickle.dumps((time.time(), cloud)))
    new.replace(path)


def recall(path: Path) -> Cloud | None:
    """The cloud as it would be by now, for what was begun went on while nobody could ask; None at first.

    The file is one that `keep` wrote for ourselves.
    """
    if not path.exists():
        return None
    kept, cloud = pickle.loads(path.read_bytes())  # noqa: S301
    if not isinstance(cloud, Cloud):
        raise TypeError(f"{path} holds no cloud; remove it")
    cloud.advance(max(0.0, time.time() - kept) * cloud.speed)
    return cloud


def tail(journal: Path) -> list[dict[str, Any]]:
    """The last lines of a journal, after what was not written to its end is cut off."""
    if not journal.exists():
        return []
    with journal.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        begin = file.seek(max(0, size - TAIL))
        read = file.read()
        whole = read[: read.rfind(b"\n") + 1]
        file.truncate(begin + len(whole))
    lines = whole.splitlines()[1 if begin else 0 :]
    return [json.loads(line) for line in lines]
