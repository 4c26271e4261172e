"""The HTTP interface: what programs ask and change, as JSON."""
