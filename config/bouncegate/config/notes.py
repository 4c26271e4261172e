"""Notes on a configuration: what is allowed, and perhaps not meant."""

from collections.abc import Iterator

from bouncegate.config.rows import lets_blocks_lock
from bouncegate.config.settings import Settings, Trust
from bouncegate.config.webfaults import notes_on_events, notes_on_web


def notes_on(settings: Settings) -> Iterator[str]:
    """What is allowed, but perhaps not meant; for `check-config` and the log."""
    if not settings.log_proves:
        yield (
            '[maillog] source = "file": local users can write lines there, so they show what '
            'waits and count for nothing; read the "journal", or set trust_file'
        )
    for row, what in lets_blocks_lock(settings.policy):
        yield (
            f"{row} counts = true ({what}): what blames you or your message locks too, so a "
            "receiver that blocks your server locks each recipient that you mail there meanwhile"
        )
    proof: Trust = "signed" if settings.signs else "matched"
    count = settings.return_path.count
    if "unverified" in count:
        if settings.signs:
            yield (
                '[return_path] count names "unverified": a DSN without our token counts too, '
                "so anyone can lock any address"
            )
    elif not settings.keeps_ledger:
        cause = "[ledger] keep is 0" if settings.signs else "[return_path] domain is not set"
        yield (
            f"no bounce will count: {cause}, so nothing can be proven: fix that, or add "
            '"unverified" to [return_path] count to believe every DSN'
        )
    elif proof not in count:
        senders = "senders are signed" if settings.signs else "senders are not signed"
        yield (
            f'no DSN will count: {senders}, so that each is "{proof}" or "unverified": add '
            f'"{proof}" to [return_path] count'
        )
    yield from notes_on_web(settings.web)
    yield from notes_on_events(settings.events)


def notes_on_sending(settings: Settings) -> Iterator[str]:
    """The same for the send path: what differs between milter, map and access table."""
    yield from settings.removed
    if settings.reply.action == "discard":
        yield (
            '[reply] action = "discard": senders are told that all is well; "map export" writes'
            " no entries, since DISCARD in an access table would drop the message for all"
        )
    if settings.reply.action == "tag":
        yield (
            '[reply] action = "tag": locked recipients get their mail; the map cannot add a '
            "header field, so what only it sees passes without"
        )
    if settings.reply.groups:
        yield (
            "[[reply.groups]]: only the milter knows who sends; the map and the access table "
            "use the text of [reply] for all"
        )
