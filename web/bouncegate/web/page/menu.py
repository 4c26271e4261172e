"""What the bar on top leads to, in the order of an operator's day."""

from typing import Final, NamedTuple


class Entry(NamedTuple):
    """One link: its name, its path, its English title, the role from which on it is shown, and
    whether it is about all mail.
    """

    name: str
    path: str
    title: str
    role: str
    all_mail: bool = True


MENU: Final = (
    Entry("overview", "/", "Data quality", "view"),
    Entry("recipients", "/recipients", "Maintenance", "view", all_mail=False),
    Entry("mailings", "/mailings", "Mailings", "view"),
    Entry("groups", "/groups", "Groups", "view", all_mail=False),
    Entry("check", "/check", "Check", "view", all_mail=False),
    Entry("corrections", "/corrections", "Corrections", "operate"),
    Entry("requests", "/requests", "Requests", "operate"),
    Entry("jobs", "/jobs", "Jobs", "operate", all_mail=False),
    Entry("incidents", "/incidents", "Incidents", "operate"),
    Entry("rules", "/rules", "Rules", "view", all_mail=False),
    Entry("audit", "/audit", "Audit log", "operate"),
    Entry("settings", "/settings/tokens", "Settings", "admin"),
)
