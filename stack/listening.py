"""The listening socket of the API."""

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from runtime.settings import PREFIX, Settings
from stack.errors import CannotStart

WRITE_SECONDS = 30


@contextmanager
def open_listener(host: str, port: int) -> Iterator[socket.socket]:
    """Listen here and let the API inherit the socket: then its port is known, and outlives a restart of the API.

    Raises:
        CannotStart: the address or the port cannot be used.
    """
    try:
        listener = listen(host.removeprefix("[").removesuffix("]"), port)
    except UnicodeError as error:
        raise CannotStart(f"cannot listen on {host!r}: that is not a host name") from error
    except OSError as error:
        raise CannotStart(f"cannot listen on {format_address(host, port)}: {describe(error)}") from error
    with listener:
        yield listener


def listen(host: str, port: int) -> socket.socket:
    """Listen at the first address of the host name; `::` accepts connections to IPv4 addresses too.

    Connections inherit (Linux) TCP_NODELAY: uvicorn takes an inherited socket for one of AF_UNIX, for which asyncio
    does not set it, and an answer would then wait 40 ms for the client's delayed ACK. And TCP_USER_TIMEOUT: the kernel
    closes the connection of a client that has read nothing for this long although something waits for it (tcp(7)).
    """
    flags = socket.AI_PASSIVE
    family, _, _, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=flags)[0]
    both = address[0] == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server(address, family=family, backlog=2048, dualstack_ipv6=both)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, WRITE_SECONDS * 1000)
    return listener


def refuse_exposure(listener: socket.socket, settings: Settings) -> None:
    """Raises CannotStart where other machines could use the service without a key."""
    address = listener.getsockname()
    if listener.family == socket.AF_UNIX or ip_address(address[0].partition("%")[0]).is_loopback:
        return
    if settings.auth == "none" and not settings.guarded:
        raise CannotStart(
            f"{format_address(*address[:2])} can be reached from other machines, and the service has no keys: set "
            f"{PREFIX}AUTH=keys (see `activation-lab keys`), listen on 127.0.0.1, or set {PREFIX}GUARDED=true where a "
            "proxy or a firewall decides who may connect"
        )


def describe(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program has this port; choose another with --port, or 0 for a free one"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have that address"
    return error.strerror or str(error)


def format_address(host: str, port: int) -> str:
    """Host and port as in a URL, where an IPv6 address stands in brackets."""
    return f"[{host.replace('%', '%25')}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
