"""The page and the HTTP interface: what the command shows and does, for browsers and programs."""
