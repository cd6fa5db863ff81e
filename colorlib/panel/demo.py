"""The panel for class, by itself on a page: colorlib demo, or make demo.

Voila serves notebooks/demo.ipynb to this machine alone. Told another address, it asks for a token,
which is printed.
"""

import argparse
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

from colorlib.files import ColorlibError

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "demo.ipynb"


def command(address: str, port: int, token: str, browser: bool = True) -> list[str]:
    """Return what starts Voila. Raises ColorlibError for an address that is no IP address."""
    start = [sys.executable, "-m", "voila", str(NOTEBOOK), f"--port={port}"]
    # Of a cell only what it shows: no source, and no frame about it.
    start += [f"--Voila.ip={address}", "--strip_sources=True", f"--Voila.open_browser={browser}"]
    try:
        alone = ip_address(address).is_loopback
    except ValueError:
        raise ColorlibError(f"{address!r} is no IP address: 127.0.0.1 is this machine") from None
    return start if alone else [*start, f"--token={token}"]


def url(address: str, port: int, token: str) -> str:
    """Return what to open elsewhere. For 0.0.0.0, all addresses, it has this machine's own."""
    if ip_address(address).is_unspecified:
        # Nothing is sent: the system only chooses which address packets would leave from.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            try:
                out.connect(("192.0.2.1", 9))
                address = out.getsockname()[0]
            except OSError:
                address = socket.gethostname()
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{port}/?token={token}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the panel until it is stopped; return Voila's exit status."""
    parser = argparse.ArgumentParser(prog="colorlib demo", description="The panel for class.")
    parser.add_argument("photo", nargs="?", default="chelsea", help="a gallery name or a file")
    parser.add_argument("--model", default="", help="the model to start with")
    parser.add_argument("--ip", default="127.0.0.1", help="another than this machine needs a token")
    parser.add_argument("--port", type=int, default=8866)
    parser.add_argument("--no-browser", action="store_true", help="open no browser")
    options = parser.parse_args(arguments)
    if find_spec("voila") is None:
        raise ColorlibError("the demo needs Voila: pip install voila")
    token = secrets.token_urlsafe(16)
    start = command(options.ip, options.port, token, not options.no_browser)
    if f"--token={token}" in start:
        print(f"open {url(options.ip, options.port, token)}", flush=True)
    file = Path(options.photo)
    photo = str(file.resolve()) if file.is_file() else options.photo
    chosen = {"COLORLIB_DEMO_PHOTO": photo, "COLORLIB_DEMO_MODEL": options.model}
    try:
        return subprocess.run(start, env=os.environ | chosen, check=False).returncode
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
