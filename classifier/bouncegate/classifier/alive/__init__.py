"""Signs of life: mail that proves to be from an address proves that somebody reads there."""
