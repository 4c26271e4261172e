"""The page that operators see: what it asks of the store, and how it is drawn."""
