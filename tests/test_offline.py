"""After the set-up nothing needs a network: the tests run where sockets but loopback are forbidden.

tests/offline/sitecustomize.py forbids them, in every process that has its folder on PYTHONPATH;
tools/check.py sets that for all the tests and notebooks. Here, that it does what it says.
"""

import os
import subprocess
import sys

import pytest


def test_a_process_reaches_no_other_machine(root):
    environment = {**os.environ, "PYTHONPATH": str(root / "tests" / "offline")}
    for host in ("192.0.2.1", "example.org"):
        code = f"import urllib.request; urllib.request.urlopen('http://{host}', timeout=1)"
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert "the tests forbid the network" in done.stderr


# The kernel counts what a process, in any language, would send where there is no way out.
COLOUR = """
import re, subprocess, sys, time
from pathlib import Path
from colorlib import Colorizer, photos

def refused():
    counters = Path("/proc/net/snmp").read_text() + Path("/proc/net/snmp6").read_text()
    names, values = re.findall("^Ip: (.*)", counters, re.M)
    of = dict(zip(names.split(), map(int, values.split())))
    return of["OutNoRoutes"] + int(re.search(r"Ip6OutNoRoutes\\s+(\\d+)", counters)[1])

colorizer = Colorizer()
colorizer(photos.gallery("bee"))
# With its telemetry on, ONNX Runtime first looks up a name after 9 to 15 seconds.
time.sleep(18)
print(colorizer.engine, refused())
connects = "import socket; socket.socket().connect_ex(('192.0.2.1', 80))"
subprocess.run([sys.executable, "-I", "-c", connects], check=True)
print(refused())
"""


@pytest.mark.slow
def test_nothing_is_sent_and_nothing_left_at_home(root, tmp_path):
    """In a namespace without any network, so for native code too, such as ONNX Runtime."""
    alone = ["unshare", "--map-root-user", "--net"]
    try:
        subprocess.run([*alone, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no namespaces without a network here")
    done = subprocess.run(
        [*alone, sys.executable, "-c", COLOUR],
        env={**os.environ, "PYTHONPATH": str(root), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["onnx 0", "1"], done.stderr
    assert list(tmp_path.rglob("*")) == []
