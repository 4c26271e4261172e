"""Configurations of Postfix as they are found on machines, each with what is special about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

CHROOT: Final = """\
# Postfix master process configuration file.
smtp      inet  n       -       y       -       -       smtpd
#smtp     inet  n       -       y       -       1       postscreen
pickup    unix  n       -       y       60      1       pickup
cleanup   unix  n       -       y       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
rewrite   unix  -       -       y       -       -       trivial-rewrite
smtp      unix  -       -       y       -       -       smtp
lmtp      unix  -       -       y       -       -       lmtp
"""
OPEN: Final = CHROOT.replace("       y       ", "       n       ")
SUBMISSION: Final = """\
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/submission
  # clients log in here
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_milters={0}
  -o milter_macro_daemon_name=ORIGINATING
smtps     inet  n       -       y       -       -       smtpd -o smtpd_tls_wrappermode=yes
"""
MAIN: Final = """\
# See /usr/share/postfix/main.cf.dist for a commented, more complete version
compatibility_level = 3.6
myhostname = mail.example.com
mydestination = $myhostname, localhost
"""


BY_SENDER: Final = """\
[return_path]
domain = "return.example.com"
[[return_path.sender_dependent]]
sender_domains = ["a.example"]
domain = "bounces.a.example"
[[return_path.sender_dependent]]
sender_domains = ["b.example"]
domain = "return.b.example"
"""


@dataclass(frozen=True)
class Site:
    """Two files, and the settings of Bouncegate beside them."""

    main: str = MAIN
    master: str = CHROOT
    settings: str = ""
    tables: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    """Of `postfix enable`."""


def with_lines(*lines: str) -> str:
    return MAIN + "".join(f"{line}\n" for line in lines)


SITES: Final[dict[str, Site]] = {
    "everything in a chroot": Site(),
    "no chroot": Site(master=OPEN),
    "chroot by default": Site(main="myhostname = a.example\n", master=CHROOT.replace(" y ", " - ")),
    "compatibility level with no chroot by default": Site(master=CHROOT.replace(" y ", " - ")),
    "submission with a milter": Site(master=CHROOT + SUBMISSION.format("inet:127.0.0.1:8891")),
    "submission without milters": Site(master=CHROOT + SUBMISSION.format("")),
    "submission by $mua_milters": Site(
        main=with_lines("mua_milters = inet:127.0.0.1:8891, unix:rspamd/milter.sock"),
        master=CHROOT + SUBMISSION.format("$mua_milters"),
    ),
    "submission with a milter in braces": Site(
        master=CHROOT
        + SUBMISSION.replace(
            "-o smtpd_milters={0}",
            "-o { smtpd_milters = { inet:[::1]:8891, default_action = accept } inet:[::1]:1 }",
        )
    ),
    "submission with the option twice": Site(
        master=CHROOT + SUBMISSION.format("inet:127.0.0.1:1\n  -o smtpd_milters=inet:127.0.0.1:2")
    ),
    "way back from a content filter": Site(
        master=CHROOT
        + "127.0.0.1:10025 inet n - n - - smtpd -o content_filter= -o smtpd_milters=\n"
        "127.0.0.1:10026 inet n - n - - smtpd\n  -o receive_override_options=no_milters\n"
    ),
    "opendkim": Site(
        main=with_lines(
            "smtpd_milters = local:opendkim/opendkim.sock",
            "non_smtpd_milters = $smtpd_milters",
            "milter_default_action = accept",
        )
    ),
    "rspamd": Site(main=with_lines("smtpd_milters=inet:localhost:11332")),
    "opendkim and rspamd on lines of their own": Site(
        main=MAIN
        + "smtpd_milters =\n    # signs\n    inet:127.0.0.1:8891,\n\n    # filters\n"
        + "    { inet:127.0.0.1:11332, default_action=tempfail }\n# end\n"
    ),
    "milters by reference": Site(
        main=with_lines(
            "opendkim = inet:127.0.0.1:8891", "filters = $opendkim", "smtpd_milters = ${filters}"
        )
    ),
    "a hash of transports": Site(main=with_lines("transport_maps = hash:/etc/postfix/transport")),
    "lmdb, regexp and socketmap transports": Site(
        main=with_lines(
            "transport_maps = lmdb:/nonexistent/a regexp:$config_directory/patterns,",
            "\tsocketmap:inet:127.0.0.1:1:routes",
        ),
        tables={"patterns": "/@old\\.example$/ discard:\n"},
    ),
    "the map too": Site(
        main=with_lines("transport_maps = texthash:$config_directory/transport"),
        settings='[map]\nsocket = "unix:{queue}/bouncegate/map.sock"\n',
        tables={"transport": "other.example smtp:[mx.other.example]\n"},
        options=("--map",),
    ),
    "the map behind address verification": Site(
        main=with_lines(
            "smtpd_recipient_restrictions =",
            "  permit_mynetworks,",
            "  reject_unverified_recipient",
        ),
        master=CHROOT
        + "587 inet n - y - - smtpd\n"
        + "  -o smtpd_recipient_restrictions=permit_mynetworks,reject_unverified_recipient\n",
        settings='[map]\nsocket = "unix:{queue}/bouncegate/map.sock"\n',
        options=("--map",),
    ),
    **{
        f"Postfix 3.{minor}": Site(main=with_lines(f"mail_version = 3.{minor}.1"))
        for minor in (5, 6, 7, 8, 9, 10)
    },
    "relayhost": Site(main=with_lines("relayhost = [smtp.example.net]:587", "relay_domains =")),
    "virtual domains": Site(
        main=with_lines(
            "virtual_mailbox_domains = example.org, example.net",
            "virtual_mailbox_maps = hash:/etc/postfix/vmailbox",
            "virtual_transport = lmtp:unix:private/dovecot-lmtp",
        )
    ),
    "backup MX with known recipients": Site(
        main=with_lines(
            "relay_domains = backup.example, hash:/etc/postfix/relay",
            "relay_recipient_maps = hash:/etc/postfix/relay_recipients",
        )
    ),
    "a return domain that is taken already": Site(
        main=with_lines("relay_domains = return.example.com")
    ),
    "settings that stand twice": Site(
        main=with_lines(
            "smtpd_milters = inet:127.0.0.1:1", "a = b", "smtpd_milters = inet:127.0.0.1:2"
        )
    ),
    "odd white space": Site(
        main=MAIN + "  \n\t\nsmtpd_milters\t=   inet:127.0.0.1:1 ,\n \t  inet:127.0.0.1:2   \n\n\n"
        "   # indented\nrelay_domains=\n",
        master=CHROOT.replace("smtp      inet  n ", "smtp\tinet n\t") + "\n \n# end\n",
    ),
    "no final newline": Site(
        main=MAIN + "smtpd_milters = inet:127.0.0.1:1",
        master=(CHROOT + SUBMISSION.format("inet:[::1]:1")).rstrip("\n"),
    ),
    "lines that end with CR LF": Site(
        main=(MAIN + "smtpd_milters = inet:127.0.0.1:1\n").replace("\n", "\r\n")
    ),
    "comments that are no ASCII": Site(main=MAIN + "# Grüße \udcff\nrelay_domains = a.example\n"),
    "sockets over TCP": Site(
        settings='[milter]\nsocket = "inet:127.0.0.1:8892"\n'
        '[return_path]\nsocket = "inet:127.0.0.1:2003"\ndomain = "return.example.com"\n'
    ),
    "a key of an earlier version": Site(settings="[local]\njudge = true\n"),
    "return domains by sender": Site(settings=BY_SENDER),
    "return domains by sender, one of them attached by hand": Site(
        main=with_lines(
            "transport_maps = inline:{ bounces.a.example=lmtp:unix:bouncegate/return-path.sock }",
            "relay_domains = bounces.a.example",
            "relay_recipient_maps = inline:{ @bounces.a.example=x, @other.example=x }",
        ),
        settings=BY_SENDER,
    ),
    "return domains by sender alone": Site(
        settings=BY_SENDER.replace('domain = "return.example.com"', 'domain = ""')
    ),
    "no return domain": Site(settings='[return_path]\ndomain = ""\n'),
    "mode set in our own file": Site(settings='[milter]\nmode = "enforce" # now\nworkers = 1\n'),
    "enforced from the start": Site(options=("--enforce",)),
    "postscreen before smtpd": Site(
        master=CHROOT.replace(
            "smtp      inet  n       -       y       -       -       smtpd",
            "smtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd",
        )
    ),
}
