"""After the set-up nothing needs a network: the tests run where sockets but loopback are forbidden.

tests/offline/sitecustomize.py forbids them, in every process that has its folder on PYTHONPATH;
tools/check.py sets that for all the tests and notebooks. Here, that it does what it says.
"""

import os
import subprocess
import sys
from pathlib import Path

from test_reproduce import write

REACH_OUT = """
import socket, urllib.request

def refused(attempt, *arguments, **options):
    try:
        attempt(*arguments, **options)
    except OSError as error:  # urllib wraps what it meets
        return "the tests forbid the network" in str(error)

datagram = socket.socket(type=socket.SOCK_DGRAM)
print("an address", refused(socket.create_connection, ("192.0.2.1", 80), timeout=1))
print("a name", refused(urllib.request.urlopen, "http://example.org", timeout=1))
print("a datagram", refused(datagram.sendto, b"x", ("192.0.2.1", 53)))
"""
STAY = """
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(("localhost", server.getsockname()[1])).close()
print("stayed")
"""


def test_a_kernel_reaches_this_machine_and_no_other(root: Path, tmp_path: Path) -> None:
    write(tmp_path / "01_reaches_out.ipynb", REACH_OUT, STAY)
    paths = [str(root / "tests" / "offline"), str(root)]
    out = ["--out", str(tmp_path / "out"), "--figures", str(tmp_path / "figures")]
    done = subprocess.run(
        [sys.executable, "-m", "colorlib.reproduce", "--folder", str(tmp_path), *out],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = (tmp_path / "out" / "01_reaches_out.ipynb").read_text(encoding="utf-8")
    for line in ("an address True", "a name True", "a datagram True", "stayed"):
        assert line in shown
