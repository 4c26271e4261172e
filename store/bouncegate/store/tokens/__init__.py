"""Proof that a bounce is about a message of ours: the signed return path and its keys."""
