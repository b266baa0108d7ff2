"""The independent judge: says whether a plan, or an executed run, broke a rule.

It reads plain Snapshot and ActionPlan documents with its own parsing and arithmetic and shares no code with
the product. `plan` judges every moment that a plan's edges allow, `run` what is there afterwards, `placement`
one instance on one host.
"""

from tests.judge.picture import Violation
from tests.judge.places import placement
from tests.judge.plans import plan
from tests.judge.runs import run

__all__ = ["Violation", "placement", "plan", "run"]
