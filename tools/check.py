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
STEPS = (
    "ruff check .",
    "ruff format --check .",
    "mypy",
    f"pytest tests notebooks {NBVAL} --nbval-cell-timeout=600 {WORKERS} --durations=10",
)

# One thread a process, and no network but this machine's own.
paths = [str(ROOT / "tests" / "offline"), *filter(None, [os.environ.get("PYTHONPATH")])]
environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
# A notebook's kernel chooses how pictures are shown, unless this variable says otherwise.
environment.pop("MPLBACKEND", None)
failed = []
for command in STEPS:
    print(f"== {command.partition(' --nb')[0]}", flush=True)
    if subprocess.call([sys.executable, "-m", *command.split()], cwd=ROOT, env=environment):
        failed.append(command.partition(" --")[0])
sys.exit(f"FAILED: {', '.join(failed)}" if failed else 0)
