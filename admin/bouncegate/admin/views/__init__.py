"""The records of `--json` and of the HTTP interface, made from the store: no printing, no words."""
