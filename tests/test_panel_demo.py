"""The demo for class: this machine alone, or a token; nothing is left when it ends."""

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from urllib.error import URLError

import nbformat
import psutil
import pytest

from colorlib import cli
from colorlib.panel import demo


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::", "192.168.1.7"])
def test_the_links_can_be_opened_and_only_this_machine_needs_no_token(address: str) -> None:
    links, alone = demo.links(address, 8866, "secret"), address in ("127.0.0.1", "::1")
    assert [link.endswith(":8866/?token=secret") for link in links] == [not alone] * len(links)
    assert not any("/0.0.0.0" in link or "[::]" in link for link in links)
    assert demo.links("fe80::1", 8866, "secret") == ["http://[fe80::1]:8866/?token=secret"]


def test_what_cannot_be_shown_is_refused_before_anything_starts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        for refused, why in {
            "no-such-photo.jpg": "no-such-photo.jpg",
            "--model=no-such-model": "no-such-model",
            "--ip=classroom": "'classroom' is no IP address",
            f"--port={other.getsockname()[1]}": "--port takes another",
            "--port=99999": "--port takes another",
        }.items():
            free = ["--port=0"] if "port" not in refused else []
            assert cli.main(["demo", *free, refused]) == 2
            assert re.fullmatch(f"error: .*{why}.*\n", capsys.readouterr().err)


@pytest.mark.skipif(sys.platform == "win32", reason="another way to end a process")
def test_the_end_of_the_demo_ends_its_server_and_kernels() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "colorlib.panel.demo", "--ip=0.0.0.0", "--no-browser"]
    with subprocess.Popen([*command, f"--port={port}"], stdout=subprocess.PIPE, text=True) as shown:
        try:
            said = iter(shown.stdout.readline, "")
            assert next(said) == "open\n"
            link = next(said).strip()
            assert re.fullmatch(rf"http://[\d.]+:{port}/\?token=\w{{6}}", link)
            assert any(line.startswith(demo.OWN) for line in said)
            # The tests may open only loopback, which 0.0.0.0 serves as well.
            here, page = re.sub(r"//[\d.]+:", "//127.0.0.1:", link), None
            while page is None:
                try:
                    page = urllib.request.urlopen(here, timeout=300).read().decode()
                except URLError as error:
                    if shown.poll() is not None or error.reason.args[0] != errno.ECONNREFUSED:
                        raise
                    time.sleep(0.2)
            assert demo.OWN in page
            assert "<svg" in page
            kernels = psutil.Process(shown.pid).children(recursive=True)
            assert kernels
            os.kill(shown.pid, signal.SIGHUP)
            assert shown.wait(300) == 0
            assert psutil.wait_procs(kernels, 30)[1] == []
        finally:
            shown.kill()


@pytest.mark.parametrize(("model", "shown"), [("icolorit-t", "icolorit-t"), ("", "acolvit-t-any")])
def test_the_notebook_shows_the_panel_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, model: str, shown: str
) -> None:
    monkeypatch.setenv("COLORLIB_DEMO_PHOTO", "coffee")
    monkeypatch.setenv("COLORLIB_DEMO_MODEL", model)
    (cell,) = nbformat.read(demo.NOTEBOOK, as_version=4).cells
    made: dict = {}
    exec(cell.source.replace("HintPanel(photo", "panel = HintPanel(photo"), made)
    assert repr(made["panel"]) == f"HintPanel('coffee' 400x600, 0 hints, {shown})"
