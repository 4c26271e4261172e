"""Addresses that cannot be delivered on the internet, by their syntax, in words."""

from bouncegate.policy.undeliverable import WORDS, rule_against
from bouncegate.store.address import AddressError, canonical, domain_of


def fault_of(text: str, *, fold: bool = True) -> str:
    """Why an address cannot be delivered, by its syntax; empty if it can."""
    try:
        return fault_of_canonical(canonical(text, fold=fold))
    except AddressError as error:
        return str(error)


def fault_of_canonical(address: str) -> str:
    """The same for an address in canonical form, or for `@domain`."""
    rule = rule_against(address)
    return f"{domain_of(address)!r}: {WORDS[rule]}" if rule else ""
