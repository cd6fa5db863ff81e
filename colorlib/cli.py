"""The command `colorlib`: colorize, train, table1, table2, reproduce, demo, doctor."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from colorlib.files import ColorlibError


def colorize(options: argparse.Namespace) -> int:
    """Colour one photo and write it; prints one line about it."""
    from colorlib.colorizer import Colorizer
    from colorlib.hints import Hints
    from colorlib.photos import open_photo

    photo = open_photo(options.photo)
    if options.hints is not None:
        hints = Hints.load(options.hints)
    elif options.random_hints is not None:
        hints = Hints.random(photo, options.random_hints, options.seed)
    else:
        hints = Hints.empty(photo.shape)
    result = Colorizer(options.model)(photo, hints, budget=options.budget)
    result.save(options.output)
    print(result)
    return 0


def _train(arguments: Sequence[str]) -> int:
    from colorlib.train import main

    return main(arguments)


def _table1(arguments: Sequence[str]) -> int:
    from colorlib.tables.table1 import main

    return main(arguments)


def _table2(arguments: Sequence[str]) -> int:
    from colorlib.benchmark.table2 import main

    return main(arguments)


def _reproduce(arguments: Sequence[str]) -> int:
    from colorlib.reproduce import main

    return main(arguments)


def _demo(arguments: Sequence[str]) -> int:
    from colorlib.panel.demo import main

    return main(arguments)


def _doctor(arguments: Sequence[str]) -> int:
    from colorlib.doctor import main

    return main(arguments)


# Modules with a command line of their own: what follows the name is theirs to read.
FORWARDED: dict[str, tuple[Callable[[Sequence[str]], int], str]] = {
    "train": (_train, "train a network: colorlib train CONFIG.toml"),
    "table1": (_table1, "measure Table 1: the quality of the models"),
    "table2": (_table2, "measure Table 2: the speed of the models here"),
    "reproduce": (_reproduce, "run the notebooks"),
    "demo": (_demo, "the panel for class, by itself on a page"),
    "doctor": (_doctor, "say what is installed and what is missing"),
}


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
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
    one.add_argument("--seed", type=int, default=0, help="where the random hints fall (0)")
    one.add_argument("--model", default="acolvit-t-0.5", help="a name or a file (acolvit-t-0.5)")
    one.add_argument("--budget", type=float, help="share to keep, for a model with a budget")
    one.add_argument("-o", "--output", type=Path, required=True, help="where the colour photo goes")
    for name, (_, about) in FORWARDED.items():
        commands.add_parser(name, help=about, add_help=False)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status, 2 for what colorlib refuses, in one line."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if arguments and arguments[0] in FORWARDED:
            return FORWARDED[arguments[0]][0](arguments[1:])
        options = build_parser().parse_args(arguments)
        return int(options.run(options))
    except ColorlibError as error:
        print(f"colorlib: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
