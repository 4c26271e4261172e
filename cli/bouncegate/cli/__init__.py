"""The `bouncegate` command: wires the parts; nothing else does."""
