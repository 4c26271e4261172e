"""A mail system in a temporary folder, shared by the demo, the tests and the benchmarks.

A private Postfix, a remote mail server that refuses by a table, and both
daemons of Bouncegate. Nothing of it touches a Postfix that already runs on the machine,
and `guard` takes all of it down again however its owner ends.
"""
