"""All the tests: lint, format, types, then unit tests and notebooks in one run of pytest.

    python tools/check.py

Run by 'make test' with the environment's Python. Every step runs even if one before it failed;
the exit status is 1 if any did. pytest comes last, so that its closing line is in sight.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# A cell is compared with what is committed; pictures and untouched cells are held by
# tests/test_notebooks.py. Tests of one file stay together, as a notebook's cells must.
NBVAL = "--nbval --nbval-current-env --nbval-sanitize-with=tests/nbval_sanitize.cfg"
WORKERS = "--numprocesses=logical --maxprocesses=4 --dist=loadfile"
STEPS = {
    "lint": "ruff check .",
    "format": "ruff format --check .",
    "types": "mypy",
    "tests": f"pytest tests notebooks {NBVAL} --nbval-cell-timeout=600 {WORKERS} --durations=10",
}


def environment() -> dict[str, str]:
    """Make the tests' environment: one thread a process, and no network but this machine's own."""
    offline = str(ROOT / "tests" / "offline")
    paths = [offline, *filter(None, [os.environ.get("PYTHONPATH")])]
    ours = {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
    # A notebook's kernel chooses how pictures are shown, unless this variable says otherwise.
    theirs = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    return theirs | ours


def main() -> int:
    """Run all steps; return 1 if any failed."""
    failed: list[str] = []
    for name, command in STEPS.items():
        print(f"== {name}: {command.partition(' --nb')[0]}", flush=True)
        if failed and name == "tests":
            print(f"(already failed: {', '.join(failed)})", flush=True)
        step = [sys.executable, "-m", *command.split()]
        if subprocess.run(step, cwd=ROOT, env=environment(), check=False).returncode:
            failed.append(name)
    if failed:
        print(f"FAILED: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
