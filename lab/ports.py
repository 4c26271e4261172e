"""Free ports on the loopback address."""

import socket


class Port:
    """A free port that nobody else is given while this object lives.

    The socket stays bound and never listens. With SO_REUSEADDR on both sides Linux lets one
    server bind the same port and listen on it, but gives it to no client and no other
    reservation: no two labs that start at once can choose the same one.
    """

    def __init__(self) -> None:
        """Reserve one."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def release(self) -> None:
        """Give the port back."""
        self._socket.close()
