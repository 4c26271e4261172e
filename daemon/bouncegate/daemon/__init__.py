"""Shared by the daemons: supervisor, sockets, scoreboard, rate-limited logs, safe log text."""
