"""`ballast freeze`: no plan starts anything any more on a cloud, until it is thawed."""

from __future__ import annotations

import argparse

from deploy import switch


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    switch.add(subparsers, "freeze", "let no plan start anything any more")
