"""Listening: the socket of a server. It may outlive the process that answers on it."""

from __future__ import annotations

import socket

from trm_engine.errors import UserError

BACKLOG = 2048
"""Connections that wait until a process takes them."""


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens. Clients can connect at once, and wait.

    Raises:
        UserError: the address cannot be had.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise UserError(f"--host {host} --port {port}: {error.strerror or error}") from None
    listener.set_inheritable(True)
    return listener


def address_of(listener: socket.socket) -> str:
    """The address for clients on this machine, such as http://127.0.0.1:8321."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
