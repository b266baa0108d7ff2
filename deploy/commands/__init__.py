"""The commands of `ballast`: each file with an `add(subparsers)` is one, found by its presence."""
