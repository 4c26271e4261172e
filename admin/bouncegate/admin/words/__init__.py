"""What the records of `views` mean, in English and German, for the page.

A table in Python, since type checkers see its keys and no catalogue has to be compiled or shipped:
a key has both texts side by side, and a test holds that each value that a record may have is there
and that both texts name the same fields. The command has its own English, with commands in it.
"""
