"""The panel for class, by itself on a page: colorlib demo, or make demo.

Voila serves it to this machine alone. Told another address, it asks for a token, which it prints.
"""

import argparse
import json
import secrets
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from colorlib.files import ConfigError

CELL = "from colorlib.panel import HintPanel\nHintPanel({photo!r}, model={model!r})"


def command(notebook: Path, address: str, port: int, browser: bool = True) -> list[str]:
    """What starts Voila on `notebook`. Raises ConfigError for what is no IP address."""
    try:
        alone = ip_address(address).is_loopback
    except ValueError:
        raise ConfigError(
            f"{address!r} is no IP address: 127.0.0.1 is this machine alone"
        ) from None
    start = [
        sys.executable,
        "-m",
        "voila",
        str(notebook),
        f"--Voila.ip={address}",
        f"--port={port}",
    ]
    # Of a cell only what it shows: no source, and no frame about it.
    start += ["--strip_sources=True", f"--Voila.open_browser={browser}"]
    return start if alone else [*start, f"--token={secrets.token_urlsafe(16)}"]


def notebook_text(photo: str, model: str | None) -> str:
    """A notebook of one cell that shows the panel."""
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "id": "panel",
        "metadata": {},
        "outputs": [],
        "source": CELL.format(photo=photo, model=model),
    }
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {"cells": [cell], "metadata": {"kernelspec": kernel, "title": "A-ColViT"}}
    return json.dumps({**content, "nbformat": 4, "nbformat_minor": 5})


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the panel until it is stopped; returns Voila's exit status."""
    parser = argparse.ArgumentParser(prog="colorlib demo", description="The panel for class.")
    parser.add_argument("photo", nargs="?", default="chelsea", help="a gallery name or a file")
    parser.add_argument("--model", help="the model to start with")
    parser.add_argument("--ip", default="127.0.0.1", help="another than this machine needs a token")
    parser.add_argument("--port", type=int, default=8866)
    parser.add_argument("--no-browser", action="store_true", help="open no browser")
    options = parser.parse_args(arguments)
    if find_spec("voila") is None:
        raise ConfigError("the demo needs Voila: pip install 'colorlib[lab]'")
    file = Path(options.photo)
    photo = str(file.resolve()) if file.is_file() else options.photo
    with TemporaryDirectory(prefix="colorlib-") as folder:
        notebook = Path(folder) / "panel.ipynb"
        notebook.write_text(notebook_text(photo, options.model), encoding="utf-8")
        start = command(notebook, options.ip, options.port, not options.no_browser)
        for word in start:
            if word.startswith("--token="):
                token = word.partition("=")[2]
                print(f"open http://{options.ip}:{options.port}/?token={token}", flush=True)
        try:
            return subprocess.run(start, check=False).returncode
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main())
