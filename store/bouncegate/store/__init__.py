"""The LMDB store in which both paths meet."""
