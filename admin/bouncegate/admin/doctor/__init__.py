"""Whether an installation works from end to end: small checks, each with what it means for mail."""
