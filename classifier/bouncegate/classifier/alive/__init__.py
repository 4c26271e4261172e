"""Signs of life: authenticated mail from an address proves that somebody reads mail there."""
