"""`ballast`: one file in deploy/commands/ per command; adding one needs no edit here.

Exit status: 0 done, 1 refused or invalid, 2 usage, 3 the cloud or Temporal failed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from pkgutil import iter_modules
from types import ModuleType
from typing import NoReturn

from activities.door import Failed
from deploy import commands, settings
from deploy.owners import OURS
from plan_schemas.problems import Invalid


def parser(wanted: str = "") -> argparse.ArgumentParser:
    """The command line of the wanted command alone, which spares loading the others; of all without one."""
    out = argparse.ArgumentParser(prog="ballast", description="Keeps OpenStack clouds in trim.")
    out.add_argument("--version", action="version", version=f"ballast {version(OURS)}")
    subparsers = out.add_subparsers(metavar="COMMAND", required=True)
    names = sorted(module.name for module in iter_modules(commands.__path__))
    for name in [wanted] if wanted in names else names:
        module = import_module(f"{commands.__name__}.{name}")
        module.add(subparsers)
        subparsers.choices[name].description = _first_words(module)
    return out


def _first_words(command: ModuleType) -> str:
    """What a command is for, as the first line of its file says: "`ballast x FILE`: what for"."""
    said = (command.__doc__ or "").strip().splitlines()[0].partition(": ")[2]
    return said[:1].upper() + said[1:]


def run(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line and return its exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        args = parser(given[0] if given else "").parse_args(given)
        status: int = args.run(args)
        sys.stdout.flush()
    except Invalid as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 1
    except settings.BadSetting as error:
        print(f"ballast: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `ballast … | head`: the reader has seen enough
        return 0
    except OSError as error:  # such as a file that cannot be written
        print(f"{error.filename or 'ballast'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    except SystemExit as error:  # argparse: 0 after --help, 2 after a wrong usage
        return error.code if isinstance(error.code, int) else 2
    return status


def main() -> NoReturn:
    """Leaves without the interpreter's own clean-up, which Temporal's threads can make abort."""
    status = run()
    with suppress(BrokenPipeError):
        sys.stdout.flush()  # what argparse printed for --help
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
