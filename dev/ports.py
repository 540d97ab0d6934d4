"""Free ports on the loopback address, below the range the system hands out for outgoing connections."""

import random
import socket
from collections.abc import Iterable

LOOPBACK = "127.0.0.1"
LOWEST, HIGHEST = 20000, 32000
TRIES = 200


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port(*, taken: Iterable[int] = ()) -> int:
    """Return a free port that is not among those already given away."""
    closed = set(taken)
    for port in random.sample(range(LOWEST, HIGHEST), TRIES):
        if port not in closed and is_free(port):
            return port
    raise OSError(f"no free port found between {LOWEST} and {HIGHEST}")
