"""The command `colorlib`: colorize, export, train, table1, table2, reproduce, demo, doctor."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from colorlib.files import ColorlibError, escape_output

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
    """Colour one photo, write it, and print one line about it."""
    # Here, as they take seconds to import.
    from colorlib.colorizer import Colorizer
    from colorlib.hints import Hints
    from colorlib.panel.saving import made_for_another
    from colorlib.photos import open_photo

    photo = open_photo(options.photo)
    if options.hints is not None:
        hints = Hints.load(options.hints)
        if options.fit_hints:
            hints = hints.fitted(photo.shape)
        elif hints.shape == photo.shape and made_for_another(options.hints, photo):
            print(f"colorlib: {options.hints} was made for another photo", file=sys.stderr)
    elif options.random_hints is not None:
        hints = Hints.random(photo, options.random_hints, options.seed)
    else:
        hints = Hints.empty(photo.shape)
    result = Colorizer(options.model)(photo, hints, budget=options.budget, refine=options.refine)
    result.save(options.output)
    print(result)
    return 0


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
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    one = commands.add_parser("colorize", help="colour a photo", allow_abbrev=False)
    one.set_defaults(run=colorize)
    one.add_argument("photo", type=Path, help="any photo, grey or in colour")
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
    one.add_argument("-o", "--output", type=Path, required=True, help="where the colour photo goes")
    one = commands.add_parser("export", help="write a model as an ONNX file", allow_abbrev=False)
    one.set_defaults(run=export)
    one.add_argument("model", help="a name or a file, such as acolvit-t-0.5")
    one.add_argument("-o", "--output", type=Path, required=True, help="where the model goes")
    for name, (_, about) in COMMANDS.items():
        commands.add_parser(name, help=about, add_help=False)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status, 2 for what colorlib refuses, in one line."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    escape_output()
    try:
        if arguments and arguments[0] in COMMANDS:
            module = import_module(COMMANDS[arguments[0]][0])
            return int(module.main(arguments[1:]))
        options = build_parser().parse_args(arguments)
        return int(options.run(options))
    except ColorlibError as error:
        print(f"colorlib: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
