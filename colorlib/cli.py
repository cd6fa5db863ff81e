"""The command `colorlib`: colorize, export, train, table1, table2, reproduce, demo, doctor."""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from importlib import import_module
from pathlib import Path

from colorlib import __version__
from colorlib.files import ColorlibError, one_line_errors

# Modules with a command line of their own: what follows the name is theirs to read.
COMMANDS = {
    "train": ("colorlib.train", "train a network: colorlib train CONFIG.toml"),
    "table1": ("colorlib.table1", "measure Table 1: the quality of the models"),
    "table2": ("colorlib.table2", "measure Table 2: the speed of the models here"),
    "reproduce": ("colorlib.reproduce", "run the notebooks"),
    "demo": ("colorlib.panel.demo", "the panel for class, by itself on a page"),
    "doctor": ("colorlib.doctor", "say what is installed and what is missing"),
}


def colorize(options: argparse.Namespace) -> int:
    """Colour photos, and print a line about each; 2 when one could not be, after the others."""
    # Here, as they take seconds to import.
    import torch
    from tqdm import tqdm

    from colorlib.colorizer import Colorizer
    from colorlib.hints import Hints
    from colorlib.panel.saving import made_for_another
    from colorlib.photos import FORMS, check_saving, open_photo

    def place_for(name: str) -> Path:
        """Return where a photo goes in colour: not over one of the photos unless told so."""
        place, source = options.output, Path(name)
        if place.is_dir():
            suffix = source.suffix if source.suffix.lower() in FORMS else ".png"
            place = place / f"{source.stem}{suffix}"
        if place.resolve() in taken and not options.overwrite:
            raise ColorlibError(
                f"{place} is one of these photos, or two would go there: another -o or --overwrite"
            )
        taken.add(place.resolve())
        return place

    names: list[str] = []
    for name in options.photos:
        # Not every shell replaces *.jpg by the names of files; Path.glob takes no whole path.
        found = [] if Path(name).exists() else sorted(glob(name))  # noqa: PTH207
        names += found or [name]
    taken = {Path(name).resolve() for name in names}
    output = str(options.output)
    folder = len(names) > 1 and output != "-" and options.output.suffix.lower() not in FORMS
    if folder:
        try:
            options.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ColorlibError(f"cannot make {options.output}: {error.strerror}") from error
    given = Hints.load(options.hints) if options.hints else None
    places = [place_for(name) if output != "-" else None for name in names]
    # Photos side by side, a thread each, are ready sooner than one after the other on all threads.
    workers = min(len(names), torch.get_num_threads())
    torch.set_num_threads(max(1, torch.get_num_threads() // workers))
    colorizer = Colorizer(options.model)

    def color(name: str, place: Path | None) -> str | ColorlibError:
        try:
            photo = open_photo(sys.stdin.buffer, "photo") if name == "-" else open_photo(name)
            check_saving(place or "standard output.png", photo.shape)  # before the work is done
            hints = given
            if options.random_hints is not None:
                hints = Hints.random(photo, options.random_hints, options.seed)
            elif given is not None and options.fit_hints:
                hints = given.fitted(photo.shape)
            elif given and given.shape == photo.shape and made_for_another(options.hints, photo):
                tqdm.write(f"warning: {options.hints} was made for another photo", sys.stderr)
            result = colorizer(photo, hints, budget=options.budget, refine=options.refine)
            if place is None:
                sys.stdout.buffer.write(result.file())
            else:
                result.save(place)
            return str(result)
        except ColorlibError as error:
            return error

    status, pool = 0, ThreadPoolExecutor(workers)
    try:
        lines = pool.map(color, names, places)
        for line in tqdm(lines, total=len(names), unit=" photos", disable=len(names) == 1 or None):
            bad = isinstance(line, ColorlibError)
            status = 2 if bad else status
            text, aside = f"error: {line}" if bad else line, bad or output == "-"
            tqdm.write(text, sys.stderr if aside else sys.stdout)
    finally:  # Ctrl+C waits for the photos at hand; no others are begun
        pool.shutdown(cancel_futures=True)
    return status


def export(options: argparse.Namespace) -> int:
    """Write a model as one ONNX file."""
    from colorlib.colorizer import Colorizer

    Colorizer(options.model, engine="eager").export(options.output)
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.1f} MB")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="colorlib", description="Point-interactive colorization.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"colorlib {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    one = commands.add_parser("colorize", help="colour photos", allow_abbrev=False)
    one.set_defaults(run=colorize)
    one.add_argument("photos", nargs="+", metavar="PHOTO", help="any photo; - for standard input")
    given = one.add_mutually_exclusive_group()
    given.add_argument("--hints", type=Path, metavar="FILE", help="hints saved as JSON")
    given.add_argument("--random-hints", type=int, metavar="N", help="N of a colour photo's own")
    one.add_argument(
        "--fit-hints", action="store_true", help="put FILE's hints on a photo of another size"
    )
    one.add_argument("--seed", type=int, default=0, help="where the random hints fall (0)")
    one.add_argument("--model", default="acolvit-t-0.5", help="a name or a file (acolvit-t-0.5)")
    one.add_argument("--budget", type=float, help="share to keep, for a model with a budget")
    one.add_argument(
        "--no-refine", dest="refine", action="store_false", help="the network's colours as they are"
    )
    where = "a file, a folder for several, - for standard output"
    one.add_argument("-o", "--output", type=Path, required=True, help=where)
    one.add_argument("--overwrite", action="store_true", help="also the photo itself")
    one = commands.add_parser("export", help="write a model as an ONNX file", allow_abbrev=False)
    one.set_defaults(run=export)
    one.add_argument("model", help="a name or a file, such as acolvit-t-0.5")
    one.add_argument("-o", "--output", type=Path, required=True, help="where the model goes")
    for name, (_, about) in COMMANDS.items():
        commands.add_parser(name, help=about, add_help=False)
    return parser


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status, 2 for what colorlib refuses, in one line."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments and arguments[0] in COMMANDS:
        module = import_module(COMMANDS[arguments[0]][0])
        return int(module.main(arguments[1:]))
    options = build_parser().parse_args(arguments)
    return int(options.run(options))
