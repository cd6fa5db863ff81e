"""What the browser tests need: JupyterLab here, Chromium, the panel's page and its kernel."""

import ast
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
NO_CHROMIUM = "no Chromium: install it ('apt-get install chromium') to test the panel in a browser"
# It may ask its makers for nothing, and has no GPU to look for.
ASKS = "gpu quic background-networking component-update sync"
ARGUMENTS = ["--no-sandbox", "--no-first-run", *(f"--disable-{one}" for one in ASKS.split())]
PATIENCE = 120_000  # ms, on a machine that is busy with other things
NOTEBOOK = "panel.ipynb"
CELLS = ("from colorlib.panel import HintPanel\npanel = HintPanel('chelsea')\npanel", "")
POINTS = "[[p.row, p.column, p.asked.hex] for p in panel.points]"


def need_chromium() -> None:
    """Skip the module that calls this where there is no browser; a run by CI must have it."""
    if CHROMIUM is None or find_spec("playwright") is None:
        if os.environ.get("CI"):
            pytest.fail(NO_CHROMIUM)
        pytest.skip(NO_CHROMIUM, allow_module_level=True)


class Lab:
    """A Jupyter server of its own, with empty settings, in `folder`."""

    def __init__(self, folder: Path):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.runtime = folder / "runtime"
        names = "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"
        own = {name: str(folder / name.lower()) for name in names}
        root = str(Path(__file__).resolve().parent.parent)
        paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        own |= {"JUPYTER_RUNTIME_DIR": str(self.runtime), "PYTHONPATH": paths}
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        command += [f"--port={self.port}", "--ip=127.0.0.1", f"--ServerApp.root_dir={folder}"]
        command += ["--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True"]
        command += ["--LabApp.extension_manager=readonly", "--LabApp.news_url=None"]
        command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
        self.log = (folder / "server.log").open("wb")
        self.process = subprocess.Popen(
            command, env=os.environ | own, stdout=self.log, stderr=subprocess.STDOUT
        )

    def wait(self) -> None:
        """Until it answers; the tests' own limit ends a wait that is too long."""
        while True:
            try:
                self.sessions(NOTEBOOK)
                return
            except OSError:
                assert self.process.poll() is None, (self.folder / "server.log").read_text()
                time.sleep(0.5)

    def sessions(self, name: str) -> list[dict[str, Any]]:
        """Of a notebook that was opened."""
        with urllib.request.urlopen(f"{self.url}/api/sessions", timeout=60) as answer:
            return [one for one in json.load(answer) if one["path"] == name]

    def notebook(self, name: str, *cells: str) -> None:
        """A notebook of code cells in the folder."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        code = [nbformat.v4.new_code_cell(cell) for cell in cells]
        notebook = nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": kernel})
        nbformat.write(notebook, self.folder / name)

    @contextmanager
    def kernel(self, name: str) -> Iterator["Kernel"]:
        """A second client of a notebook's kernel."""
        (session,) = self.sessions(name)
        kernel = Kernel()
        kernel.load_connection_file(str(self.runtime / f"kernel-{session['kernel']['id']}.json"))
        kernel.start_channels()
        try:
            yield kernel
        finally:
            kernel.stop_channels()

    def wait_for_kernel(self, name: str) -> None:
        """Until the kernel of a notebook that was opened is up."""
        kernels: list[dict[str, Any]] = []
        while not any(one["execution_state"] == "idle" and one["connections"] for one in kernels):
            time.sleep(0.2)
            kernels = [session["kernel"] for session in self.sessions(name)]

    def complaints(self) -> list[str]:
        """Lines of the log, where the kernels write too, that tell of an error."""
        lines = (self.folder / "server.log").read_text(errors="replace").splitlines()
        return [line for line in lines if re.search(r"Traceback|\[(E|C) |ERROR|Error:", line)]

    def stop(self) -> None:
        """End the server and its kernels."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


class Kernel(BlockingKernelClient):
    """Asks a kernel for values."""

    def value(self, expression: str) -> Any:
        """What `expression` is in the kernel, by way of JSON."""
        wanted = {"value": f"__import__('json').dumps({expression})"}
        self.execute("", silent=True, user_expressions=wanted)
        reply = self.get_shell_msg(timeout=120)["content"]["user_expressions"]["value"]
        assert reply["status"] == "ok", reply
        # The representation of a string, whatever quotes it has.
        return json.loads(ast.literal_eval(reply["data"]["text/plain"]))


class Panel:
    """A page with the panel in it, as a user has it."""

    def __init__(self, page: Any, errors: list[str], index: int = 0):
        self.page, self.errors = page, errors
        self.root = page.locator(".hp-panel").nth(index)

    def idle(self) -> None:
        """Until all that was asked for is drawn."""
        self.page.wait_for_function(
            "panel => !panel.classList.contains('hp-waiting')",
            arg=self.root.element_handle(),
            timeout=PATIENCE,
        )

    def press(self, label: str) -> None:
        """Click a button and wait."""
        self.root.get_by_role("button", name=label).first.click()
        self.idle()

    def choose(self, label: str, value: str) -> None:
        """One of a list, and wait."""
        self.root.get_by_label(label, exact=True).select_option(value)
        self.idle()

    def stage(self) -> dict[str, float]:
        """Where the stage is in the window."""
        return self.root.locator(".hp-canvas").bounding_box()

    def client(
        self, row: float, column: float, shape: tuple[int, int] = (300, 451), zoom: float = 1
    ) -> tuple[float, float]:
        """Where a place of the photo is in the window, the photo's middle being in the stage's."""
        stage = self.stage()
        scale = zoom * min(stage["width"] / shape[1], stage["height"] / shape[0])
        x = stage["x"] + stage["width"] / 2 + (column - shape[1] / 2) * scale
        return x, stage["y"] + stage["height"] / 2 + (row - shape[0] / 2) * scale

    def click(self, row: int, column: int, shape: tuple[int, int] = (300, 451), **how: Any) -> None:
        """On a pixel, when all of the photo is shown, and wait."""
        self.page.mouse.click(*self.client(row + 0.5, column + 0.5, shape), **how)
        self.idle()

    def rings(self) -> list[list[Any]]:
        """What the rings say: row and column of each hint."""
        labels = self.root.locator(".hp-ring").evaluate_all(
            "rings => rings.map(ring => ring.getAttribute('aria-label'))"
        )
        found = [re.search(r"row (\d+), column (\d+)", label) for label in labels]
        return [[int(match[1]), int(match[2])] for match in found if match]

    def status(self) -> str:
        """The status line."""
        return self.root.locator(".hp-said").inner_text()

    def open(self, name: str) -> None:
        """A photo of the gallery."""
        self.root.get_by_role("button", name="choose or upload a photo").click()
        self.root.get_by_title(name, exact=True).click()

    def shows(self, name: str) -> None:
        """Until another photo is on the stage, and drawn."""
        self.page.wait_for_selector(f".hp-canvas[aria-label^='{name},']", timeout=PATIENCE)
        self.idle()

    def reset(self) -> None:
        """No hints, no comparison."""
        self.page.keyboard.press("Escape")
        self.choose("compare with", "nothing")
        if self.rings():
            self.press("remove all hints")


def listen(page: Any) -> list[str]:
    """What the page complains of, from now on."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: said.type == "error" and errors.append(said.text))
    return errors


def opened(lab: Lab, chromium: Any, notebook: str = NOTEBOOK) -> Panel:
    """A tab of its own, in which the notebook's first cell has run."""
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(PATIENCE)
    errors = listen(page)
    page.goto(f"{lab.url}/doc/tree/{notebook}?reset")
    lab.wait_for_kernel(notebook)
    page.locator(".jp-Notebook .jp-Cell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    page.wait_for_selector(".hp-panel[data-painted]")
    panel = Panel(page, errors)
    panel.idle()
    return panel
