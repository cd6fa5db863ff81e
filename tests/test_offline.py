"""After the set-up nothing needs a network: notebooks run where sockets but loopback are forbidden.

tests/offline/sitecustomize.py forbids them, in every process that has its folder on PYTHONPATH;
tools/check.py sets that for all the tests.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_reproduce import write


def run_offline(root: Path, folder: Path, out: Path, number: str) -> subprocess.CompletedProcess:
    arguments = ["--folder", str(folder), "--notebooks", number, "--out", str(out / "notebooks")]
    return subprocess.run(
        [sys.executable, "-m", "colorlib.reproduce", *arguments, "--figures", str(out / "figures")],
        env={**os.environ, "PYTHONPATH": str(root / "tests" / "offline")},
        capture_output=True,
        text=True,
        check=False,
    )


# The first notebook, and the one that builds and runs the network.
@pytest.mark.parametrize("number", ["01", "03"])
def test_a_notebook_passes_without_a_network(root: Path, tmp_path: Path, number: str) -> None:
    done = run_offline(root, root / "notebooks", tmp_path, number)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=1)",
        "import urllib.request\nurllib.request.urlopen('http://example.org', timeout=1)",
        "import socket\nsocket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    ],
    ids=["an address", "a name", "a datagram"],
)
def test_the_network_is_forbidden_in_a_kernel(root: Path, tmp_path: Path, code: str) -> None:
    write(tmp_path / "01_reaches_out.ipynb", code)
    done = run_offline(root, tmp_path, tmp_path / "out", "01")
    assert done.returncode == 1
    assert "the tests forbid the network" in done.stdout


def test_this_machine_is_allowed_in_a_kernel(root: Path, tmp_path: Path) -> None:
    code = "import socket\na = socket.create_server(('127.0.0.1', 0))\n"
    code += "socket.create_connection(('localhost', a.getsockname()[1])).close()"
    write(tmp_path / "01_stays.ipynb", code)
    done = run_offline(root, tmp_path, tmp_path / "out", "01")
    assert done.returncode == 0, done.stdout + done.stderr
