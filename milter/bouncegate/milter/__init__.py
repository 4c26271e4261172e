"""The send path: refuses locked recipients while the client is still connected."""
