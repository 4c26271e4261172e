"""One line a decision, in the style of Postfix's own `reject:` lines, so that its tools read it."""

from typing import Final

from bouncegate.config.taxonomy import log_fields
from bouncegate.daemon.wire import for_log
from bouncegate.milter.refusal.decision import Facts, Outcome
from bouncegate.milter.refusal.reply import Reply, lock_fields
from bouncegate.policy.records import Lock
from bouncegate.policy.undeliverable import ref_of

NO_QUEUE_ID: Final = "NOQUEUE"


def refusal(verb: str, queue_id: str | None, facts: Facts, lock: Lock, reply: Reply) -> str:
    """The line for a recipient that was refused, discarded or tagged, or would have been."""
    return (
        f"{for_log(queue_id or NO_QUEUE_ID)}: {verb}: RCPT from {_client(facts)}: "
        f"{reply.code} {reply.status} <{for_log(facts.recipient)}>: {for_log(reply.text, 512)}; "
        f"from=<{for_log(facts.sender or '')}> to=<{for_log(facts.recipient)}> "
        f"{lock_fields(lock)}"
    )


def passed(outcome: Outcome, queue_id: str | None, facts: Facts, lock: Lock) -> str:
    """The line for a recipient that passes although it is locked."""
    return (
        f"{for_log(queue_id or NO_QUEUE_ID)}: pass: RCPT from {_client(facts)}: {outcome}; "
        f"from=<{for_log(facts.sender or '')}> to=<{for_log(facts.recipient)}> "
        f"{log_fields(lock.reason)} ref={ref_of(lock)}"
    )


def _client(facts: Facts) -> str:
    return f"[{facts.client or 'unknown'}]"
