"""The policies of the histories: as a file says them, and as the model knows them."""

from typing import Final

from bouncegate.config.taxonomy import Reason

from .life import Rule, Rules

BY_DEFAULT: Final = Rules(Rule(1, (12,)), Rule(3, (1,)))
TABLE: Final = """
[policy.hard]
failures = 2
window = "60 days"
lock = ["6 months", "1 year"]
[policy.soft]
failures = 2
window = "10 days"
lock = ["1 month", "3 months"]
[[policy.row]]
provider = "x.test"
kind = "hard"
failures = 1
lock = "1 month"
[[policy.row]]
reason = "no-answer"
lock = "never"
"""
BY_TABLE: Final = Rules(
    Rule(2, (6, 12), days=60),
    Rule(2, (1, 3), days=10),
    of_reason={Reason.NO_ANSWER: Rule(1, ())},
    of_provider={("x.test", "hard"): Rule(1, (1,))},
)
POLICIES: Final = (("", BY_DEFAULT), (TABLE, BY_TABLE))
