"""What the daemons have in common: sockets, errors told at intervals, text from the wire."""
