"""Runs the notebooks, in order, without a browser: python -m colorlib.reproduce

Executed copies go to build/notebooks, and pictures to figures: a cell tagged `figure:NAME` must
show exactly one picture, which becomes figures/NAME.png or figures/NAME.jpg. A run with changed
parameters, `--quick` among them, or of other notebooks puts its pictures under build/figures
instead, as those of the repository belong to its notebooks as they are.
"""

import argparse
import ast
import base64
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from pydantic import TypeAdapter, ValidationError

from colorlib.files import ColorlibError, atomic_write, one_line_errors

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
        # Threads that spin while they wait make a training ten times slower as soon as another
        # program wants one of the cores.
        waiting = os.environ.get("OMP_WAIT_POLICY", "passive")
        inline = "module://matplotlib_inline.backend_inline"
        return KernelSpec(
            # A kernel warns at each start that what it says over loopback is not encrypted.
            argv=[*launcher, "--log-level=ERROR"],
            env={"MPLBACKEND": inline, "OMP_WAIT_POLICY": waiting},
        )


def find_notebooks(folder: Path, numbers: Sequence[str]) -> list[Path]:
    """Find the notebooks of `folder`; `numbers`, if any, choose by the start of the name."""
    # The demo is the panel by itself, which nobody has to run.
    there = sorted(path for path in folder.glob("*.ipynb") if path.stem != "demo")
    names = ", ".join(path.stem for path in there) or "none; run this from a clone"
    for number in numbers or [""]:
        if not any(path.name.startswith(number) for path in there):
            raise ColorlibError(f"no {number}*.ipynb in {folder}: there are {names}")
    return [path for path in there if path.name.startswith(tuple(numbers) or "")]


def typed(path: Path, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters `texts` of a notebook as values of the types that they have in it.

    Raises ColorlibError for one of another type, and an unknown one, of which papermill only warns.
    """
    try:
        known = papermill.inspect_notebook(str(path)) if texts else {}
    except Exception as error:  # no JSON, no notebook, no kernel named
        raise ColorlibError(f"{path} cannot be read as a notebook: {error}") from error
    values: dict[str, Any] = {}
    for name, text in texts.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise ColorlibError(f"{path.name} has no parameter {name!r}: it has {names}")
        kind = type(ast.literal_eval(known[name]["default"]))
        try:
            values[name] = TypeAdapter(kind).validate_python(text)
        except ValidationError:
            message = f"{path.name}: {name} is of type {kind.__name__}, which {text!r} is not"
            raise ColorlibError(message) from None
    return values


def run_notebook(path: Path, out: Path, figures: Path, parameters: dict[str, Any]) -> str:
    """Run one notebook in its own folder; return what went wrong, empty when nothing did."""
    out.mkdir(parents=True, exist_ok=True)
    try:
        executed = papermill.execute_notebook(
            str(path),
            str(out / path.name),
            parameters=parameters,
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
        return f"FAILED in {cell}:\n{source}\n  {failure.ename}: {failure.evalue}"
    except Exception as failure:  # a kernel that died, a notebook that is no JSON, a full disk
        return f"FAILED in {type(failure).__name__}: {failure}"
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
    notebooks: Sequence[Path], out: Path, figures: Path, parameters: Mapping[str, str]
) -> bool:
    """Run the notebooks in order, even if one fails; print and return whether all went well.

    Nothing is run when one of the notebooks does not take one of the parameters: ColorlibError.
    """
    values = [typed(path, parameters) for path in notebooks]
    failed, seconds = 0, 0.0
    for number, path in enumerate(notebooks):
        began = time.perf_counter()
        error = run_notebook(path, out, figures, values[number])
        took = time.perf_counter() - began
        count = f"[{number + 1}/{len(notebooks)}]"
        print(f"{count} {path.stem}, {took:.1f} s: {error or 'ok'}", flush=True)
        failed, seconds = failed + bool(error), seconds + took
    print(f"all, {seconds:.1f} s: {f'{failed} FAILED' if failed else 'ok'}")
    return not failed


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 when a notebook failed, 2 for bad options."""
    parser = argparse.ArgumentParser(
        prog="python -m colorlib.reproduce", description="Run the notebooks in order."
    )
    option = parser.add_argument
    option("--notebooks", nargs="+", default=[], metavar="NN", help="only these: 01 02")
    option("--solutions", action="store_true", help="run the solutions instead")
    option("--quick", action="store_true", help="the same as -p quick true")
    pair = ("NAME", "VALUE")
    option("-p", nargs=2, action="append", default=[], dest="parameters", metavar=pair)
    option("--folder", type=Path, default=ROOT / "notebooks", help="where they are")
    option("--out", type=Path, default=ROOT / "build" / "notebooks")
    options = parser.parse_args(arguments)

    parameters = ({"quick": "true"} if options.quick else {}) | dict(options.parameters)
    folder, out = options.folder / ("solutions" * options.solutions), options.out.resolve()
    changed = parameters or folder.resolve() != ROOT / "notebooks"
    figures = out.parent / "figures" if changed else ROOT / "figures"
    # papermill announces every step of its own; what is printed here says what matters.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    paths = find_notebooks(folder, options.notebooks)
    return int(not reproduce(paths, out / ("solutions" * options.solutions), figures, parameters))


if __name__ == "__main__":
    sys.exit(main())
