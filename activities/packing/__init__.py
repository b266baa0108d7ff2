"""PURE packing of instances on hosts, in numpy arrays; shared by strategies that do not know each other."""
