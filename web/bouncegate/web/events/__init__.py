"""Events out: other programs learn of every bounce, lock and unlock as it happens."""
