"""Readers: one small, independent module for each family of bounces."""
