"""Whether a server answers."""

import http.client
import socket

from dev.ports import LOOPBACK


def answers_http(port: int, path: str) -> bool:
    """Say whether GET gives 200."""
    link = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        link.request("GET", path)
        return link.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


def greets(port: int, greeting: bytes) -> bool:
    """Say whether the server speaks first, with these bytes."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as link:
            return link.recv(len(greeting)) == greeting
    except OSError:
        return False
