"""Enabling Bouncegate in a Postfix: read its settings, then plan, apply, test and undo a change."""
