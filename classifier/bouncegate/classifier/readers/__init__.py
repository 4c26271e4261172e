"""Readers, one for each family of bounces, each small and independent of the others."""
