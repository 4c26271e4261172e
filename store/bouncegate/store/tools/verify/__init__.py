"""Checks a store: every record decodes and every address matches a replay of its journal."""
