"""The demo for class: this machine alone, or a token."""

import nbformat
import pytest

from colorlib.files import ColorlibError
from colorlib.panel import demo


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "192.168.1.7"])
def test_only_this_machine_needs_no_token(address: str) -> None:
    command = demo.command(address, 8866, "secret")
    assert f"--Voila.ip={address}" in command
    assert ("--token=secret" in command) == (address not in ("127.0.0.1", "::1"))


def test_a_name_is_no_address() -> None:
    with pytest.raises(ColorlibError, match="'classroom' is no IP address"):
        demo.command("classroom", 8866, "secret")


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_the_address_told_can_be_opened_elsewhere(address: str) -> None:
    assert address not in demo.url(address, 8866, "secret")
    assert demo.url("fe80::1", 8866, "secret") == "http://[fe80::1]:8866/?token=secret"


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
