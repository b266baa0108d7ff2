"""`ballast goals [NAME]`: what can be wanted, with all that is declared of it."""

from __future__ import annotations

import argparse

from deploy import listing


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    listing.add(subparsers, "goals", "what can be wanted, with its indicators")
