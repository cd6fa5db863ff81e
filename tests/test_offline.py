"""After the set-up nothing needs a network: the tests run where sockets but loopback are forbidden.

tests/offline/sitecustomize.py forbids them, in every process that has its folder on PYTHONPATH;
tools/check.py sets that for all the tests and notebooks. Here, that it does what it says.
"""

import os
import subprocess
import sys

import pytest

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
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(("localhost", server.getsockname()[1])).close()
print("stayed")
"""


def test_a_process_reaches_this_machine_and_no_other(root):
    environment = {**os.environ, "PYTHONPATH": str(root / "tests" / "offline")}
    command = [sys.executable, "-c", REACH_OUT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    said = ["an address True", "a name True", "a datagram True", "stayed"]
    assert done.stdout.splitlines() == said, done.stderr


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
