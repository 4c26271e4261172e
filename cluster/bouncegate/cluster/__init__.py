"""Several machines, one bounce index: the ordered log that they share, and its sealing."""
