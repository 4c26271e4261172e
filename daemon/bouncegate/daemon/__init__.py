"""What the daemons have in common: supervisor, sockets, errors told at intervals, wire text."""
