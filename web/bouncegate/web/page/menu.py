"""What the bar on top leads to, in the order of an operator's day."""

from typing import Final, NamedTuple


class Entry(NamedTuple):
    """One link: its name, its path, its English title, and the role from which on it is shown."""

    name: str
    path: str
    title: str
    role: str


MENU: Final = (
    Entry("overview", "/", "Data quality", "view"),
    Entry("recipients", "/recipients", "Maintenance", "view"),
    Entry("mailings", "/mailings", "Mailings", "view"),
    Entry("groups", "/groups", "Groups", "view"),
    Entry("check", "/check", "Check", "view"),
    Entry("corrections", "/corrections", "Corrections", "operate"),
    Entry("requests", "/requests", "Requests", "operate"),
    Entry("incidents", "/incidents", "Incidents", "operate"),
    Entry("rules", "/rules", "Rules", "view"),
    Entry("audit", "/audit", "Audit log", "operate"),
    Entry("settings", "/settings/tokens", "Settings", "admin"),
)
