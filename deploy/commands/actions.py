"""`ballast actions [NAME]`: what can be done, with all that is declared of it."""

from __future__ import annotations

import argparse

from deploy import listing


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    listing.add(subparsers, "actions", "what can be done, with its parameters and limits")
