"""What the browser tests need: JupyterLab on this machine, Chromium, and a look into the kernel."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.blocking.client import BlockingKernelClient

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
NO_CHROMIUM = "no Chromium: install it ('apt-get install chromium') to test the panel in a browser"
# It may ask its makers for nothing, and has no GPU to look for.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NEWS = {"fetchNews": "false", "checkForUpdates": False}


class Lab:
    """A Jupyter server of its own, with empty settings, in `folder`."""

    def __init__(self, folder: Path):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.runtime = folder / "runtime"
        names = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "IPYTHONDIR": "ipython",
        }
        own = {key: str(folder / name) for key, name in names.items()}
        root = str(Path(__file__).resolve().parent.parent)
        paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        own |= {"JUPYTER_RUNTIME_DIR": str(self.runtime), "PYTHONPATH": paths}
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        command += [f"--port={self.port}", "--ip=127.0.0.1", f"--ServerApp.root_dir={folder}"]
        command += ["--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True"]
        command += ["--LabApp.extension_manager=readonly"]
        self.log = (folder / "server.log").open("wb")
        self.process = subprocess.Popen(
            command, env=os.environ | own, stdout=self.log, stderr=subprocess.STDOUT
        )

    def wait(self, seconds: float = 180) -> None:
        """Until it answers."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                self.get("/api")
                break
            except OSError:
                assert self.process.poll() is None, (self.folder / "server.log").read_text()
                time.sleep(0.5)
        self.setting("apputils-extension:notification", NEWS)

    def get(self, path: str) -> Any:
        """The JSON of a path."""
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return json.load(answer)

    def setting(self, name: str, values: dict[str, Any]) -> None:
        """One of JupyterLab's settings."""
        content = json.dumps({"raw": json.dumps(values)}).encode()
        path = f"{self.url}/lab/api/settings/@jupyterlab/{name}"
        urllib.request.urlopen(urllib.request.Request(path, content, method="PUT"), timeout=60)

    def notebook(self, name: str, *cells: str) -> None:
        """A notebook of code cells in the folder."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        code = [nbformat.v4.new_code_cell(cell) for cell in cells]
        notebook = nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": kernel})
        nbformat.write(notebook, self.folder / name)

    @contextmanager
    def kernel(self, name: str) -> Iterator["Kernel"]:
        """A second client of a notebook's kernel."""
        (session,) = [one for one in self.get("/api/sessions") if one["path"] == name]
        client = BlockingKernelClient()
        client.load_connection_file(str(self.runtime / f"kernel-{session['kernel']['id']}.json"))
        client.start_channels()
        try:
            yield Kernel(client)
        finally:
            client.stop_channels()

    def stop(self) -> None:
        """End the server and its kernels."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


class Kernel:
    """Asks a kernel for values."""

    def __init__(self, client: BlockingKernelClient):
        self.client = client

    def value(self, expression: str) -> Any:
        """What `expression` is in the kernel, by way of JSON."""
        wanted = {"value": f"__import__('json').dumps({expression})"}
        self.client.execute("", silent=True, user_expressions=wanted)
        reply = self.client.get_shell_msg(timeout=120)["content"]["user_expressions"]["value"]
        assert reply["status"] == "ok", reply
        text = reply["data"]["text/plain"]
        # The representation of a string, whatever quotes it has.
        return json.loads(__import__("ast").literal_eval(text))
