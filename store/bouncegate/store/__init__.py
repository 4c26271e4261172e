"""The LMDB store in which both paths meet.

`Store` (store.py) opens the environment and names its tables: `store.journal`, `store.addresses`,
`store.incidents` and so on. All tables look alike (table.py): the constructor takes the environment
and the tables that this one uses; a method that takes a transaction works in it, every other one
opens its own; `_within` marks the first form where both exist. What spans several tables is done by
`Store` itself: `record`, `act`, `void`.

`LockTable` (locktable.py) reads the locks alone, for the send path. The ledger of sends is an
environment of its own (ledger.py).
"""
