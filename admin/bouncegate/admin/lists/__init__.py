"""Lists of addresses: by state, checked before they are mailed, imported and exported."""
