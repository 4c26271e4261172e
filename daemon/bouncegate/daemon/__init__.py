"""Shared by the daemons: supervisor, sockets, counters, rate-limited error logs, safe log text."""
