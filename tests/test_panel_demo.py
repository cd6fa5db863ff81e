"""The demo for class: this machine alone, or a token."""

from pathlib import Path

import nbformat
import pytest

from colorlib.files import ConfigError
from colorlib.panel import demo


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_this_machine_alone_needs_no_token(address: str) -> None:
    command = demo.command(Path("x.ipynb"), address, 8866)
    assert f"--Voila.ip={address}" in command
    assert not any(word.startswith("--token") for word in command)


def test_another_address_gets_a_new_token_each_time() -> None:
    tokens = {demo.command(Path("x.ipynb"), "0.0.0.0", 8866)[-1] for _ in range(2)}
    assert len(tokens) == 2
    assert all(token.startswith("--token=") and len(token) > 24 for token in tokens)


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ConfigError, match="'classroom' is no IP address"):
        demo.command(Path("x.ipynb"), "classroom", 8866)


def test_the_notebook_is_one_and_shows_the_panel() -> None:
    notebook = nbformat.reads(demo.notebook_text("it's.jpg", None), as_version=4)
    nbformat.validate(notebook)
    assert 'HintPanel("it\'s.jpg", model=None)' in notebook.cells[0].source
