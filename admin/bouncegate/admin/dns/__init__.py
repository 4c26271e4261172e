"""DNS lookups: who accepts the mail of a domain, in the background, and how receivers see ours."""
