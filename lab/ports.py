"""Free ports on the loopback address."""

import socket


def reserve() -> socket.socket:
    """A socket that keeps a free port for a server of ours until it is closed.

    It stays bound and never listens. With SO_REUSEADDR on both sides Linux lets one server
    bind the same port and listen on it, but gives it to no client and to no other
    reservation: no two labs that start at once can choose the same one.
    """
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held
