"""The send path as lookup tables of Postfix: asked over a socket, or written to a file."""
