"""`ballast strategies [NAME]`: what can decide, with all that is declared of it."""

from __future__ import annotations

import argparse

from deploy import listing


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    listing.add(subparsers, "strategies", "what can decide: support level, parameters, required metrics")
