"""Figures for Prometheus: what the daemons count, and what the store knows."""
