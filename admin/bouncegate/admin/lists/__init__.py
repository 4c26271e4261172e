"""Lists of addresses: told by state, judged before they are mailed, taken in and given out."""
