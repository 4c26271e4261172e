"""The return-path daemon: takes DSNs by LMTP and records them before it answers."""
