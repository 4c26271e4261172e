"""Settings of an engine that would lose what it acknowledged, or give away more than is needed."""

from typing import Final

from bouncegate.cluster.postgresql.session import Session

_QUESTIONS: Final = (
    (
        "current_setting('fsync') = 'off'",
        "fsync is off: a crash of its machine damages the log: set fsync = on",
    ),
    (
        "current_setting('full_page_writes') = 'off'",
        "full_page_writes is off: a crash of its machine may damage the log: set it to on",
    ),
    (
        "current_setting('synchronous_commit') = 'off'",
        (
            "synchronous_commit is off: a crash loses the last entries, which the machines have "
            "applied: set it to on"
        ),
    ),
    (
        "current_setting('autovacuum') = 'off'",
        "autovacuum is off: each append leaves an old row of the head behind: set it to on",
    ),
    (
        (
            "EXISTS (SELECT FROM pg_proc AS p JOIN pg_roles AS r ON r.oid = p.proowner "
            "WHERE p.pronamespace = to_regnamespace('bouncegate') AND p.prosecdef AND r.rolsuper)"
        ),
        (
            "its functions belong to a superuser: give them to a role with fewer rights "
            "(REASSIGN OWNED, ALTER FUNCTION ... OWNER TO)"
        ),
    ),
    (
        (
            "EXISTS (SELECT FROM pg_class AS c WHERE c.oid = to_regclass('bouncegate.log') "
            "AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))"
        ),
        (
            "the role of this machine may change the log: use one that is a member of "
            "bouncegate_machine, and nothing else"
        ),
    ),
)


def faults(session: Session) -> list[str]:
    """What is wrong with the server that holds the log, and what to do; raises EngineError."""
    questions = ", ".join(question for question, _ in _QUESTIONS)
    (answers,) = session.fetch(f"SELECT {questions}")
    return [text for (_, text), is_so in zip(_QUESTIONS, answers, strict=True) if is_so]
