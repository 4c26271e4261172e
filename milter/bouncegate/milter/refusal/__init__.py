"""Whom the send path refuses, and in which words: the same for every way a message leaves."""
