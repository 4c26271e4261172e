"""Replaces personal data in texts with pseudonyms, consistently within one message.

Two passes: `learn` notes the addresses, names and subjects of all texts of a message, `applied`
replaces them in one text. Local parts become `user1`, domains and the hosts below them
`domain1.example`, IP addresses those of RFC 5737 and RFC 3849, names `Name1`. What belongs to no
person stays, since classifiers read it: role mailboxes, words that name a mail system, and the
hosts of large providers.
"""

import re
from collections.abc import Collection, Iterator
from ipaddress import ip_address
from itertools import chain
from typing import Final

from bouncegate.classifier.addresses import ADDRESS, BEGINNING, bare
from bouncegate.classifier.charset import decoded_words
from bouncegate.classifier.genericaddress import QUOTED_LOCAL
from bouncegate.classifier.patternwords import WORDS_OF_READERS

SUBJECT: Final = "[subject]"

# RFC 2142 and RFC 5321, 4.5.1, and the authors of notices.
_ROLE: Final = re.compile(
    r"mailer-?daemon|mail-?daemon|postmaster|mdaemon|mmdf|no-?reply|do-?not-?reply|bounces?|abuse"
    r"|root|microsoftexchange[0-9a-f]{0,40}|hostmaster|webmaster",
    re.IGNORECASE,
)
# Suffixes that list managers add to the name of a list.
_LIST_ROLE: Final = re.compile(r"-(?:bounces?|owner|request|errors)(?=\Z|[+=-])")
# Words in display names that name a mail system or its function, and the words of its notices.
_SYSTEM: Final = frozenset({
    "admin", "administrator", "agent", "automatic", "bounce", "bounces", "daemon", "delivery",
    "director", "email", "error", "exchange", "failed", "failure", "from", "gateway", "internet",
    "mail", "mailbox", "mailer", "manager", "mdaemon", "message", "messaging", "microsoft",
    "mmdf", "notification", "notifications", "office", "outlook", "pmdf", "postmaster", "relay",
    "report", "returned", "router", "server", "service", "smtp", "subsystem", "system", "the",
    "to", "transfer", "transport", "undeliverable", "undelivered",
}) | WORDS_OF_READERS  # fmt: skip
# Labels of host names that name the host's function.
_GENERIC: Final = re.compile(
    r"(?:mail|mailout|mailin|mx|mxin|mta|smtp|relay|gw|gateway|in|out|inbound|outbound|www|imap"
    r"|bl|sbl|xbl|pbl|dbl|rbl|dnsbl|dnswl|zen|block|list|lists|b|bb|support|help)[0-9-]{0,3}"
)
_KEPT_HOSTS: Final = frozenset({"localhost", "amazonaws.com", "amazonses.com"})
# An @ as other encodings write it: percent (RFC 3986), xtext (RFC 3461, 4), quoted-printable,
# RFC 6533, JSON and HTML.
_AT: Final = re.compile(
    r"(?<=[\w.+-])(?:%40|\+40|=40|\\x\{40\}|\\u0040|&#0?64;|&#x40;|&commat;)(?=[\w-]+\.[\w.-]+)",
    re.IGNORECASE,
)
_ADDRESS: Final = re.compile(BEGINNING + ADDRESS)
# Any other text with an @: routes, local names, addresses within other words.
_ANY: Final = re.compile(
    rf"({QUOTED_LOCAL}|[^\s<>\"(),;:\[\]@]{{0,320}})@([\w.-]{{0,255}}\w|\[[^\]\s]{{1,60}}\])?"
)
_OUR_DOMAIN: Final = re.compile(r"(?:[\w-]+\.)*domain\d+\.example")
_OURS: Final = re.compile(rf"[\w.-]*@{_OUR_DOMAIN.pattern}")
_HOST: Final = re.compile(r"(?<![\w.-])(?:[\w-]{1,63}\.){1,12}[\w-]{1,63}")
_TOKEN: Final = re.compile(r"(?<![\w@.+-])[\w+='-]+(?:\.[\w+='-]+)*(?![\w@+-])")
_WORD: Final = re.compile(r"(?<![\w@.+-])[^\W_][\w-]*(?![\w@+-])(?!\.\w)")
_IPV4: Final = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)")
_IPV4_IN_HOST: Final = re.compile(r"(?<!\d)\d{1,3}(?:[._-]\d{1,3}){3}(?=[.-][\w-]{0,62}[a-z])")
_IPV6: Final = re.compile(
    r"(?:(?<=ipv6:)|(?<![\w:.]))[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])",
    re.IGNORECASE,
)
# Names of X.400 and X.500, as Exchange writes them.
_X500: Final = re.compile(r"(/(?:cn|ou|o|g|s|i)=)[^/;,\s\"'>)]+", re.IGNORECASE)
_SUBJECT_LINE: Final = re.compile(
    r"^([> \t*]*(?:subject|betreff|objet|sujet|asunto|oggetto|assunto|onderwerp|temat|ämne|emne"
    r"|тема|件名|主题|主旨|제목)\**[ \t]*[:\uff1a])[ \t]*\S.*$",
    re.IGNORECASE | re.MULTILINE,
)
_JSON_SUBJECT: Final = re.compile(
    r'((?:\\?"subject\\?"|\\?"name\\?"\s*:\s*\\?"subject\\?"\s*,\s*\\?"value\\?")\s*:\s*\\?")'
    r'((?:[^"\\]|\\[^"])*)',
    re.IGNORECASE,
)
_DISPLAY_NAME: Final = re.compile(
    r"^x-display-name[ \t]*:[ \t]*(.+)$", re.IGNORECASE | re.MULTILINE
)
_NAME_BEFORE: Final = re.compile(r"\"?([^\"<>,;@()=:]{1,200})\"?\s*<[^<>]*>")
_NAME_BEHIND: Final = re.compile(r"@[^\s<>()]+\s*\(([^()]+)\)")
_SHORTEST: Final = 3
# The length of a label such as `co` in `co.uk`, below which registries give out names.
_SECOND_LEVEL: Final = 3
# Display names that are looked for as a whole; more than a bounce names.
_MOST_PHRASES: Final = 200
_LONGEST_NAMES: Final = 8000


class Pseudonyms:
    """The pseudonyms of one message."""

    def __init__(self, public: Collection[str] = (), words: Collection[str] = ()) -> None:
        """`public`: domains of large providers, whose hosts keep their names.

        `words`: those that rules look for, in lower case. Where a local part or a name is one of
        them, or of those that readers look for, it is replaced in addresses and after field names
        alone, so that "user unknown" stays.
        """
        self._public: Final = frozenset(public)
        self._common: Final = WORDS_OF_READERS.union(words)
        self._locals: Final[dict[str, str]] = {}
        self._domains: Final[dict[str, str]] = {}
        self._addresses: Final[dict[str, str]] = {}
        self._phrases: Final[dict[str, str]] = {}
        self._words: Final[dict[str, str]] = {}
        self._networks: Final[dict[str, str]] = {}

    def learn(self, text: str) -> None:
        """Note the addresses of a text, and the recipient's name that Exchange adds."""
        text = _without_encodings(text)
        for match in _ADDRESS.finditer(text):
            self._address(bare(match[0]))
        for match in _DISPLAY_NAME.finditer(text):
            self._learn_name(match[1].strip())

    def learn_names(self, value: str) -> None:
        """Note the names of persons in the value of a field such as From, decoded."""
        value = value[:_LONGEST_NAMES]
        for match in chain(_NAME_BEFORE.finditer(value), _NAME_BEHIND.finditer(value)):
            self._learn_name(match[1].strip(" '\t"))

    def _learn_name(self, name: str) -> None:
        personal = [w for w in re.findall(r"[^\W\d_][\w'-]*", name) if w.lower() not in _SYSTEM]
        if not personal or len(self._phrases) >= _MOST_PHRASES:
            return
        pseudonym = f"Name{len(self._phrases) + 1}"
        kept = [word for word in name.split() if word.strip("().").lower() in _SYSTEM]
        self._phrases.setdefault(name, " ".join((pseudonym, *kept)))
        for word in personal:
            if len(word) >= _SHORTEST and word.lower() not in self._common:
                self._words.setdefault(word, pseudonym)

    def learn_subject(self, subject: str) -> None:
        """Note the subject of the returned message."""
        if len(subject) > _SHORTEST:
            self._phrases.setdefault(subject, SUBJECT)

    def applied(self, text: str) -> str:
        """The text with pseudonyms."""
        text = _SUBJECT_LINE.sub(rf"\1 {SUBJECT}", _without_encodings(text))
        text = self._with_phrases(_JSON_SUBJECT.sub(rf"\1{SUBJECT}", text))
        text = _ADDRESS.sub(self._replaced, text)
        text = _ANY.sub(self._replaced_odd, text)
        text = _X500.sub(r"\1Name", text)
        text = _IPV4.sub(lambda m: self._network(m[0]), text)
        text = _IPV4_IN_HOST.sub("192-0-2-1", text)
        text = _IPV6.sub(lambda m: self._network(m[0]), text)
        text = _HOST.sub(self._replaced_host, text)
        text = _TOKEN.sub(self._replaced_local, text)
        return _WORD.sub(lambda m: self._words.get(m[0], m[0]), text)

    def _with_phrases(self, text: str) -> str:
        for phrase, pseudonym in sorted(self._phrases.items(), key=lambda p: -len(p[0])):
            words = r"\s+".join(map(re.escape, phrase.split()))
            text = re.sub(rf"(?<!\w){words}(?!\w)", pseudonym, text, flags=re.IGNORECASE)
        return text

    def _replaced(self, match: re.Match[str]) -> str:
        if _OURS.fullmatch(match[0]):
            return match[0]
        address = bare(match[0])
        return match[0].replace(address, self._address(address))

    def _replaced_odd(self, match: re.Match[str]) -> str:
        if match[0] == "@" or "@" not in _OURS.sub("", match[0]):
            return match[0]
        return f"{match[1] and self._local(match[1])}@{self._domain(match[2] or '')}"

    def _replaced_host(self, match: re.Match[str]) -> str:
        host = match[0].lower()
        if _OUR_DOMAIN.fullmatch(host):
            return match[0]
        base = base_of(host)
        if base in self._public or base not in self._domains:
            return match[0]
        return _below(host.removesuffix(base)) + self._domains[base]

    def _replaced_local(self, match: re.Match[str]) -> str:
        token = match[0].strip("'")
        local = token.removesuffix("'s").lower()
        if len(local) < _SHORTEST or local in self._common:
            return match[0]
        # A reply code is no local part, even where a Message-ID begins with such a number.
        known = None if re.fullmatch(r"[\d.]{1,5}", local) else self._locals.get(local)
        return match[0] if known is None else match[0].replace(token[: len(local)], known)

    def _address(self, address: str) -> str:
        known = self._addresses.get(address.lower())
        if known is not None:
            return known
        local, _, domain = address.rpartition("@")
        made = f"{self._local(local)}@{self._domain(domain)}"
        return self._addresses.setdefault(address.lower(), made)

    def _local(self, local: str) -> str:
        if is_role(local):
            return local
        local = local.lower()
        if local not in self._locals:
            role = _LIST_ROLE.search(local)
            self._locals[local] = f"user{len(self._locals) + 1}{role[0] if role else ''}"
        return self._locals[local]

    def _domain(self, domain: str) -> str:
        domain = domain.lower().strip(".")
        if domain.startswith("["):
            return f"[{self._network(domain.strip('[]'))}]"
        base = base_of(domain)
        if not domain or base in _KEPT_HOSTS or _OUR_DOMAIN.fullmatch(domain):
            return domain
        if base not in self._domains:
            pseudonym = f"domain{len(set(self._domains.values())) + 1}.example"
            for form in _forms(base):
                self._domains[form] = pseudonym
        return _below(domain.removesuffix(base)) + self._domains[base]

    def _network(self, text: str) -> str:
        try:
            address = ip_address(text.lower().removeprefix("ipv6:"))
        except ValueError:
            return text
        if address.is_loopback or address.is_unspecified:
            return text
        number = len(self._networks) % 250 + 1
        made = f"192.0.2.{number}" if address.version == 4 else f"2001:db8::{number:x}"
        return self._networks.setdefault(str(address), made)


def is_role(local: str) -> bool:
    """Whether a local part names the function of a mailbox, and no person."""
    return _ROLE.fullmatch(local) is not None


def base_of(domain: str) -> str:
    """The registered domain, as far as its labels show."""
    labels = domain.split(".")
    is_deep = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= _SECOND_LEVEL
    return ".".join(labels[-3 if is_deep else -2 :])


def _forms(domain: str) -> Iterator[str]:
    """A domain as given, and in the other form of RFC 5890."""
    yield domain
    try:
        if domain.isascii():
            yield domain.encode().decode("idna")
        else:
            yield domain.encode("idna").decode()
    except UnicodeError:
        return


def _below(labels: str) -> str:
    """As many labels, each with its dot; those that name a host's function are kept."""
    return "".join(
        f"{label if _GENERIC.fullmatch(label) else 'sub'}." for label in labels.split(".")[:-1]
    )


def _without_encodings(text: str) -> str:
    """The text with its encoded words (RFC 2047) and the @ of each address decoded."""
    if "=?" in text:
        text = "\n".join(decoded_words(line) if "=?" in line else line for line in text.split("\n"))
    return _AT.sub("@", text)
