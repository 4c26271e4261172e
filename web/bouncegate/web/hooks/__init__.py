"""Bounces that come back to a sending service: its webhooks, handed to the return path.

A Postfix that relays through such a service gets few DSNs: the service takes them, and tells of
them by HTTP. What it tells is proven and counted as a DSN is: by our Message-ID in the ledger.
"""
