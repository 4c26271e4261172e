"""Who runs the mail of an address: the provider, told by its domain.

The large free-mail providers run many domains with one set of servers, which break together.
Any other domain is a provider of its own, by its name.
"""

from typing import Final

# provider -> its domains. A domain that is missing here costs little: its bounces are counted
# apart from the family's.
_FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "google": ("gmail.com", "googlemail.com"),
    "microsoft": (
        "outlook.com", "outlook.de", "outlook.es", "outlook.fr", "outlook.it", "outlook.jp",
        "hotmail.com", "hotmail.be", "hotmail.ca", "hotmail.ch", "hotmail.co.jp", "hotmail.co.uk",
        "hotmail.com.br", "hotmail.de", "hotmail.es", "hotmail.fr", "hotmail.it", "hotmail.nl",
        "hotmail.se", "live.com", "live.at", "live.be", "live.ca", "live.cn", "live.co.uk",
        "live.com.au", "live.com.mx", "live.de", "live.dk", "live.fr", "live.it", "live.nl",
        "live.no", "live.se", "msn.com", "passport.com", "windowslive.com",
    ),
    "yahoo": (
        "yahoo.com", "yahoo.ca", "yahoo.co.id", "yahoo.co.in", "yahoo.co.uk", "yahoo.com.ar",
        "yahoo.com.au", "yahoo.com.br", "yahoo.com.mx", "yahoo.de", "yahoo.es", "yahoo.fr",
        "yahoo.gr", "yahoo.ie", "yahoo.in", "yahoo.it", "ymail.com", "rocketmail.com", "aol.com",
        "aol.co.uk", "aol.de", "aol.fr", "aim.com", "netscape.net",
    ),
    "apple": ("icloud.com", "me.com", "mac.com"),
    "gmx": ("gmx.de", "gmx.net", "gmx.at", "gmx.ch", "gmx.com", "gmx.org", "gmx.eu", "web.de"),
    "telekom": ("t-online.de", "magenta.de"),
    "proton": ("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
    "mail.ru": ("mail.ru", "inbox.ru", "list.ru", "bk.ru", "internet.ru"),
    "yandex": ("yandex.ru", "yandex.com", "yandex.by", "yandex.kz", "ya.ru"),
    "orange": ("orange.fr", "wanadoo.fr"),
    "free": ("free.fr", "aliceadsl.fr"),
    "libero": ("libero.it", "virgilio.it", "iol.it", "inwind.it", "blu.it"),
    "qq": ("qq.com", "foxmail.com"),
    "netease": ("163.com", "126.com", "yeah.net"),
}  # fmt: skip
_PROVIDERS: Final = {
    domain: provider for provider, domains in _FAMILIES.items() for domain in domains
}


def provider_of(address: str) -> str:
    """The provider of a canonical address or `@domain`; empty for an empty address."""
    domain = address.rpartition("@")[2]
    return _PROVIDERS.get(domain, domain)


def domains_of(provider: str) -> tuple[str, ...]:
    """The domains that a provider runs, as far as they are known."""
    return _FAMILIES.get(provider, (provider,))
