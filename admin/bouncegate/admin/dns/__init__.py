"""Asking DNS who takes the mail of a domain: in the background, within a budget."""
