"""Python imports this at its start when this folder is on PYTHONPATH: no network but loopback.

An audit hook sees every use of Python's sockets, in any library, and cannot be taken out again.
It lets through what stays on this machine, as a notebook's kernel talks over loopback.
"""

import ipaddress
import socket
import sys

_HERE = {"", "localhost", socket.gethostname()}


def _is_here(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host is None or host in _HERE:
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _hook(event: str, arguments: tuple) -> None:
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        address = arguments[1]
        # A string is the path of a socket on this machine; a tuple starts with the host.
        if isinstance(address, tuple) and not _is_here(address[0]):
            raise PermissionError(f"the tests forbid the network: {event} to {address[0]}")
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"} and not _is_here(arguments[0]):
        raise PermissionError(f"the tests forbid the network: {event} of {arguments[0]}")


sys.addaudithook(_hook)
