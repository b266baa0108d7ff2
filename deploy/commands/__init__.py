"""The commands of `ballast`: each file here is one, found by its presence."""
