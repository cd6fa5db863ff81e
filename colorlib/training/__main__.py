"""`python -m colorlib.training CONFIG.toml --out FOLDER`: run, or go on with, one training."""

import argparse
import sys
from collections.abc import Sequence

from accelerate import PartialState

from colorlib.errors import ColorlibError
from colorlib.training.config import load_config
from colorlib.training.loop import train


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as a TOML says; 0 on success, 2 with one clear line on bad input."""
    parser = argparse.ArgumentParser(prog="colorlib train", description=__doc__)
    parser.add_argument("config", help="a TOML file, as in data/configs")
    parser.add_argument("--out", help="folder of the run (default: runs/NAME)")
    parser.add_argument("--cpu", action="store_true", help="leave a GPU alone")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    options = parser.parse_args(arguments)
    try:
        config = load_config(options.config)
        run = train(config, options.out or f"runs/{config.name}", not options.quiet, options.cpu)
    except ColorlibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    processes = PartialState()
    if processes.is_main_process:
        print(f"{config.name}: {run.step} steps, {run.seconds / 60:.1f} minutes")
    processes.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())
