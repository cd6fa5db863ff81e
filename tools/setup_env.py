"""Makes the project's own Python environment in .venv, and does nothing when it is there.

    python tools/setup_env.py

Run by 'make reproduce', 'make test' and 'make lab', and by hand where there is no make. It needs
the standard library and nothing else. The syntax stays that of older Pythons, so that they get
as far as the sentence which says that they are too old.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / ".stamp"
NO_NEWS = VENV / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
LOG = ROOT / "build" / "pip.log"
SPECIFICATION = ("requirements.txt", "pyproject.toml", "tools/setup_env.py")

NO_NETWORK = re.compile(
    r"name resolution|getaddrinfo|NewConnectionError|Failed to establish|Network is unreachable"
    r"|ConnectTimeout|Connection refused|ProxyError|Could not fetch URL|\(from versions: none\)"
)


def venv_python() -> str:
    """Return the environment's interpreter, which lies elsewhere on Windows."""
    return str(VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def wanted_stamp() -> str:
    """Digest the files that say what the environment needs, and the folder's own path."""
    digest = hashlib.sha256(str(ROOT).encode("utf-8", "surrogateescape"))
    for name in SPECIFICATION:
        digest.update((ROOT / name).read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def works() -> bool:
    """Say whether the environment's interpreter starts; not after its Python was removed."""
    try:
        return subprocess.call([venv_python(), "-I", "-c", ""]) == 0
    except OSError:
        return False


def check_python() -> None:
    """Refuse a Python that the packages are not made for, or that cannot make environments."""
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        names = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
        found = [*filter(shutil.which, names)]
        cure = f"make PYTHON={found[0]} ..." if found else "install one, then make PYTHON=..."
        raise RuntimeError(
            f"Python 3.{OLDEST[1]} to 3.{NEWEST[1]} is needed and {sys.executable} "
            f"is {version[0]}.{version[1]}: {cure}"
        )
    # Debian and Ubuntu leave ensurepip, without which venv has no pip, to another package.
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        raise RuntimeError(
            f"{sys.executable} has no venv module: on Debian and Ubuntu 'sudo apt install "
            f"python{version[0]}.{version[1]}-venv', elsewhere install Python from python.org"
        )


def make_environment() -> None:
    """Make an empty environment; what a set-up that failed has left goes away."""
    python = getattr(sys, "_base_executable", None) or sys.executable
    command = [python, "-m", "venv", "--clear", str(VENV)]
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if made.returncode:
        said = made.stdout.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise RuntimeError(f"cannot make {VENV} ({said[-1]}): close what uses it and delete it")


def pip_install(what: str, *arguments: str) -> None:
    """Run pip; its own words go to build/pip.log, and a counter to the terminal."""
    command = [venv_python(), "-m", "pip", "install", "--progress-bar=off", "--no-input"]
    command += ["--disable-pip-version-check", *arguments]
    lines, count = [], 0
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT)
    with pip, LOG.open("ab", buffering=0) as log:
        for raw in pip.stdout or ():
            log.write(raw)
            lines.append(raw.decode("utf-8", "replace").rstrip())
            count += lines[-1].startswith("Collecting ")
            if sys.stdout.isatty():
                doing = lines[-1].strip().split(" (from")[0][:60]
                print(f"\r\033[K{what}: {count} packages; {doing}", end="", flush=True)
    print(end="\r\033[K" if sys.stdout.isatty() else "")
    if pip.returncode:
        raise RuntimeError(explain(lines))


def explain(lines: "list[str]") -> str:
    """Say in one line why pip failed."""
    if any(NO_NETWORK.search(line) for line in lines):
        return (
            "no network: pip cannot reach the Python package registry, which the first set-up "
            "needs; connect (or set pip's proxy), then again. pip's words are in build/pip.log"
        )
    # What it ignored is harmless, and comes before the line that matters.
    errors = [line for line in lines if re.match("ERROR: (?!Ignored)", line)] or lines[-1:]
    return f"pip failed: {''.join(errors[:1])}; all it said is in build/pip.log"


def set_up() -> bool:
    """Bring .venv to what requirements.txt says; returns whether there was anything to do."""
    wanted, finished = wanted_stamp(), STAMP.is_file() and works()
    if finished and STAMP.read_text(encoding="utf-8") == wanted:
        return False
    check_python()
    LOG.parent.mkdir(exist_ok=True)
    LOG.write_bytes(b"")
    size = "several hundred MB to download (Linux with CUDA: several GB)"
    print(f"Setting up .venv, once: {size}", flush=True)
    # Without a stamp the environment counts as half made until all of this has gone well.
    STAMP.unlink(missing_ok=True)
    if not finished:
        make_environment()
    pip_install("installing", "--only-binary=:all:", "--requirement", "requirements.txt")
    # setuptools is there by now, so colorlib is built with it and nothing more is fetched.
    pip_install("colorlib", "--no-deps", "--no-build-isolation", "--editable", ".")
    # JupyterLab would ask each reader, over the panel, whether it may fetch news.
    NO_NEWS.parent.mkdir(parents=True, exist_ok=True)
    NO_NEWS.write_text('{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}')
    STAMP.write_text(wanted, encoding="utf-8")
    print("Set up: .venv is ready")
    return True


def main() -> int:
    try:
        set_up()
    except KeyboardInterrupt:
        print("\nset-up: stopped; the next call starts it anew", file=sys.stderr)
        return 130
    except (RuntimeError, OSError) as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
