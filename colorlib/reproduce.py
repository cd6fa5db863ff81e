"""Runs the notebooks, in order, without a browser: python -m colorlib.reproduce

Executed copies go to build/notebooks, and pictures to figures: a cell tagged `figure:NAME` must
show exactly one picture, which becomes figures/NAME.png or figures/NAME.jpg. A run with changed
parameters, `--quick` among them, puts its pictures under build/figures instead, as those of the
repository belong to the notebooks as they are.
"""

import argparse
import ast
import base64
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from colorlib.files import ColorlibError, atomic_write

ROOT = Path(__file__).resolve().parent.parent
FIGURE_TAG = "figure:"
SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg"}


class ThisPython(AsyncKernelManager):
    """A kernel manager that starts the Python that is running now.

    Jupyter finds the kernel named in a notebook, `python3`, in the user's own folder too, where
    another environment may have left one without colorlib.
    """

    @property
    def kernel_spec(self) -> KernelSpec:
        """How the kernel is started; pictures are shown in the notebook, whatever MPLBACKEND is."""
        launcher = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(
            # A kernel warns at each start that what it says over loopback is not encrypted.
            argv=[*launcher, "--log-level=ERROR"],
            display_name="Python 3",
            language="python",
            env={
                "MPLBACKEND": "module://matplotlib_inline.backend_inline",
                # Threads that spin while they wait make a training ten times slower as soon as
                # another program wants one of the cores.
                "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "passive"),
            },
        )


def find_notebooks(folder: Path, numbers: Sequence[str]) -> list[Path]:
    """Find the notebooks of `folder`; `numbers`, if any, choose by the start of the name."""
    # The demo is the panel by itself, which nobody has to run.
    there = sorted(path for path in folder.glob("*.ipynb") if path.stem != "demo")
    if not there:
        raise ColorlibError(f"no notebooks in {folder}: run this from a clone of the repository")
    for number in numbers:
        if not any(path.name.startswith(number) for path in there):
            names = ", ".join(path.stem for path in there)
            raise ColorlibError(f"no notebook starts with {number!r}: there are {names}")
    return [path for path in there if not numbers or path.name.startswith(tuple(numbers))]


def check_parameters(path: Path, parameters: Mapping[str, Any]) -> None:
    """Raise ColorlibError for an unknown parameter, of which papermill itself only warns."""
    if not parameters:
        return
    try:
        known = papermill.inspect_notebook(str(path))
    except Exception as error:  # no JSON, no notebook, no kernel named
        raise ColorlibError(f"{path} cannot be read as a notebook: {error}") from error
    for name in parameters:
        if name not in known:
            names = ", ".join(known) or "none"
            raise ColorlibError(f"{path.name} has no parameter {name!r}: it has {names}")


def run_notebook(path: Path, out: Path, figures: Path, parameters: Mapping[str, Any]) -> str:
    """Run one notebook in its own folder; return what went wrong, empty when nothing did."""
    out.mkdir(parents=True, exist_ok=True)
    try:
        executed = papermill.execute_notebook(
            str(path),
            str(out / path.name),
            parameters=dict(parameters),
            kernel_name="python3",
            language="python",
            kernel_manager_class=ThisPython,
            cwd=str(path.parent),
            progress_bar={"desc": path.stem, "leave": False},
        )
        save_figures(executed, figures)
    except papermill.PapermillExecutionError as failure:
        source = "\n".join(f"    {line}" for line in failure.source.splitlines())
        cell = f"cell {failure.cell_index + 1}, In [{failure.exec_count}]"
        return f"{cell}:\n{source}\n  {failure.ename}: {failure.evalue}"
    except Exception as failure:  # a kernel that died, a notebook that is no JSON, a full disk
        return f"{type(failure).__name__}: {failure}"
    return ""


def save_figures(notebook: Any, folder: Path) -> None:
    """Write the picture of every cell tagged `figure:NAME` into `folder`; it must show just one."""
    tagged = [(cell, tag) for cell in notebook.cells for tag in cell.metadata.get("tags", [])]
    for cell, tag in tagged:
        if not tag.startswith(FIGURE_TAG):
            continue
        name = tag.removeprefix(FIGURE_TAG)
        shown = [output.get("data", {}) for output in cell.get("outputs", [])]
        found = [(kind, data[kind]) for data in shown for kind in SUFFIXES if kind in data]
        if len(found) != 1:
            raise ColorlibError(f"the cell of figure {name} shows {len(found)} pictures, not 1")
        kind, data = found[0]
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(folder / (name + SUFFIXES[kind])) as temporary:
            temporary.write_bytes(base64.b64decode(data))


def reproduce(
    notebooks: Sequence[Path], out: Path, figures: Path, parameters: Mapping[str, Any]
) -> bool:
    """Run the notebooks in order, even if one fails; print and return whether all went well.

    Nothing is run when one of the notebooks lacks one of the parameters: ColorlibError.
    """
    for path in notebooks:
        check_parameters(path, parameters)
    seconds, status = {}, {}
    for number, path in enumerate(notebooks, 1):
        print(f"[{number}/{len(notebooks)}] {path.stem}", flush=True)
        began = time.perf_counter()
        error = run_notebook(path, out, figures, parameters)
        if error:
            print(f"  {path.name} FAILED in {error}", flush=True)
        seconds[path.stem] = time.perf_counter() - began
        status[path.stem] = "FAILED" if error else "ok"
    failed = [*status.values()].count("FAILED")
    seconds["all"] = sum(seconds.values())
    status["all"] = f"{failed} FAILED" if failed else "ok"
    width = max(map(len, ("notebook", *seconds)))
    print(f"\n{'notebook':{width}}  seconds  status")
    for name, taken in seconds.items():
        print(f"{name:{width}}  {taken:7.1f}  {status[name]}")
    return not failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 when a notebook failed, 2 for bad options."""
    parser = argparse.ArgumentParser(
        prog="python -m colorlib.reproduce", description="Run the notebooks in order."
    )
    option = parser.add_argument
    option("--notebooks", nargs="+", default=[], metavar="NN", help="only these: 01 02")
    option("--solutions", action="store_true", help="run the solutions instead")
    option("--quick", action="store_true", help="the same as -p quick True")
    pair = ("NAME", "VALUE")
    option("-p", nargs=2, action="append", default=[], dest="parameters", metavar=pair)
    option("--folder", type=Path, default=ROOT / "notebooks", help="where they are")
    option("--out", type=Path, default=ROOT / "build" / "notebooks")
    option("--figures", type=Path, help="where the pictures go")
    options = parser.parse_args(arguments)

    parameters: dict[str, Any] = {"quick": True} if options.quick else {}
    for name, value in options.parameters:
        parameters[name] = value
        with suppress(ValueError, SyntaxError):  # it is a text, not a Python literal
            parameters[name] = ast.literal_eval(value)
    folder, out = options.folder, options.out
    changed = parameters or options.solutions
    figures = options.figures or (out.parent / "figures" if changed else ROOT / "figures")
    if options.solutions:
        folder, out = folder / "solutions", out / "solutions"
    # papermill announces every step of its own; the table and the errors say what matters.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        paths = find_notebooks(folder, options.notebooks)
        return int(not reproduce(paths, out.resolve(), figures.resolve(), parameters))
    except ColorlibError as error:
        print(f"reproduce: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
