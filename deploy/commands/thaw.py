"""`ballast thaw`: plans go on after a freeze."""

from __future__ import annotations

import argparse

from deploy import switch


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    switch.add(subparsers, "thaw", "let plans go on after a freeze")
