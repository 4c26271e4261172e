"""The return path: reads the DSNs that come back and turns them into events."""
