"""`python -m colorlib.training CONFIG.toml ...`: run trainings one after another, or go on."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from accelerate import PartialState

from colorlib.files import ColorlibError
from colorlib.training.config import load_config
from colorlib.training.loop import train


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as a TOML says; 0 on success, 2 with one clear line on bad input."""
    parser = argparse.ArgumentParser(prog="colorlib train", description=__doc__)
    parser.add_argument("configs", nargs="+", help="TOML files, as in data/configs")
    parser.add_argument("--out", default="runs", help="folder of the runs' folders (default: runs)")
    parser.add_argument("--cpu", action="store_true", help="leave a GPU alone")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    options = parser.parse_args(arguments)
    try:
        # All are read before the first runs for hours.
        for config in [load_config(path) for path in options.configs]:
            run = train(config, Path(options.out, config.name), not options.quiet, options.cpu)
            if PartialState().is_main_process:
                print(f"{config.name}: {run.step} steps, {run.seconds / 60:.1f} minutes")
    except ColorlibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    PartialState().destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())
