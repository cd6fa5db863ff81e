"""The panel for class, by itself on a page: colorlib demo, or make demo.

Voila serves notebooks/demo.ipynb to this machine alone. Told another address, it asks for a token;
the addresses to open are printed, and the first is on the page, as a QR code too.
"""

import argparse
import os
import secrets
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

from IPython.display import HTML, display
from jupyter_client.localinterfaces import public_ips

from colorlib.files import ColorlibError, one_line_errors

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "demo.ipynb"
# Without those that look alike: a token is typed by a class. Six of them are 30 bits.
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
OWN = "Whoever opens it has a panel of their own."
# Closed it is no higher than Voila's margin above the panel, and open it is read from the last row.
CORNER = """<style>
.invite { position: fixed; right: 0; top: 0; z-index: 9; padding: 0 16px; background: white;
  color: black; font: 14px/20px sans-serif; }
.invite[open] { padding: 16px; border: 1px solid; font: 26px sans-serif; text-align: center; }
@media (max-width: 700px) { .invite { display: none; } }
</style>"""


def links(address: str, port: int, token: str) -> list[str]:
    """Return what to open in a browser, the likeliest first; this machine alone needs no token."""
    try:
        ip, hosts = ip_address(address), [address]
    except ValueError:
        raise ColorlibError(f"{address!r} is no IP address: 127.0.0.1 is this machine") from None
    if ip.is_unspecified:
        hosts = public_ips() or [socket.gethostname()]
        # Nothing is sent: the system only chooses which address packets would leave from.
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.connect(("192.0.2.1", 9))
            hosts = [out.getsockname()[0], *hosts]
    query = "" if ip.is_loopback else f"?token={token}"
    hosts = [f"[{host}]" if ":" in host else host for host in dict.fromkeys(hosts)]
    return [f"http://{host}:{port}/{query}" for host in hosts]


def invite() -> None:
    """Show on the page, in a corner, where others open it; nothing when they cannot."""
    if link := os.environ.get("COLORLIB_DEMO_LINK"):
        code = import_module("segno").make(link).svg_inline(scale=12, light="white")
        about = f"<summary>{link}</summary>{code}<br>{OWN}"
        display(HTML(f'{CORNER}<details class="invite">{about}</details>'))


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the panel until it is stopped; its kernels end with it."""
    parser = argparse.ArgumentParser(prog="colorlib demo", description="The panel for class.")
    parser.add_argument("photo", nargs="?", default="chelsea", help="a gallery name or a file")
    parser.add_argument("--model", default="", help="the model to start with: a name or a file")
    parser.add_argument("--ip", default="127.0.0.1", help="another than this machine needs a token")
    parser.add_argument("--port", type=int, default=8866)
    parser.add_argument("--no-browser", action="store_true", help="open no browser")
    options = parser.parse_args(arguments)
    if not all(map(find_spec, ("voila", "segno"))):
        raise ColorlibError("the demo needs Voila and segno: pip install voila segno")
    # The kernels run in the notebook's folder.
    photo, model = (
        str(Path(name).resolve()) if Path(name).is_file() else name
        for name in (options.photo, options.model)
    )
    token = "".join(secrets.choice(LETTERS) for _ in range(6))
    opened = links(options.ip, options.port, token)
    try:
        if not 0 <= options.port < 65536:  # for which Python would leave a socket open
            raise OSError("ports end at 65535")
        family = socket.AF_INET6 if ":" in options.ip else socket.AF_INET
        socket.create_server((options.ip, options.port), family=family).close()
    except OSError as error:  # such as another demo
        raise ColorlibError(
            f"cannot listen on {options.ip}, port {options.port}: {error}; --port takes another"
        ) from error
    # What the page could only show as an error. Here, as these take seconds to import.
    from colorlib.panel.pages import DEFAULT, Models
    from colorlib.panel.state import Subject

    Subject.of(photo)
    Models(model or DEFAULT)
    os.environ |= {"COLORLIB_DEMO_PHOTO": photo, "COLORLIB_DEMO_MODEL": model}
    shared = "?token=" in opened[0]
    if shared:
        os.environ["COLORLIB_DEMO_LINK"] = opened[0]
    # In this process, as then its end is Voila's, which ends the kernels.
    voila = import_module("voila.app").Voila.instance()
    voila.launch_browser = lambda: threading.Thread(
        target=webbrowser.open, args=opened[:1], daemon=True
    ).start()
    # Of a cell only what it shows: no source, and no frame about it. A kernel whose page was
    # left, as when a telephone went away, ends after five minutes.
    voila.initialize(
        [
            str(NOTEBOOK),
            f"--port={options.port}",
            f"--Voila.ip={options.ip}",
            f"--Voila.open_browser={not options.no_browser}",
            "--Voila.log_level=WARN",
            "--strip_sources=True",
            "--MappingKernelManager.cull_idle_timeout=300",
            "--MappingKernelManager.cull_interval=60",
            *([f"--token={token}"] if shared else []),
        ]
    )
    if hasattr(signal, "SIGHUP"):  # a terminal that was closed, as `kill`
        signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))
    print("\n".join(["open", *(f"  {link}" for link in opened)]), flush=True)
    if shared:
        print(OWN, flush=True)
    voila.start()
    return 0


if __name__ == "__main__":
    sys.exit(main())
