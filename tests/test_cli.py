"""The command `colorlib`: what it does with good and bad input, on an untrained network."""

import io
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

import colorlib
from colorlib import cli
from colorlib.checkpoints import save_model
from colorlib.hints import Hints
from colorlib.model import ColViT
from colorlib.panel import saving
from colorlib.panel.state import Scene, State, Subject
from colorlib.photos import open_photo, save_photo


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with a model, a photo in colour and its grey twin."""
    folder = tmp_path_factory.mktemp("command line")
    torch.manual_seed(0)
    settings = {"img_size": 224, "depth": 12, "policy": True}
    save_model(ColViT(**settings), folder / "model.safetensors", {"model": settings})
    rgb = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    save_photo(rgb, folder / "colour.png")
    save_photo(np.repeat(rgb[..., :1], 3, axis=2), folder / "grey.png")
    return folder


def colorize(folder: Path, photo: str, *arguments: str, out: str = "out.png") -> int:
    model, output = str(folder / "model.safetensors"), str(folder / out)
    command = ["colorize", str(folder / photo), "--model", model, "-o", output, *arguments]
    return cli.main(command)


def only_line(capsys) -> str:
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    assert captured.err.startswith(("error: ", "warning: "))
    return captured.err


def test_a_name_that_the_output_lacks_is_escaped(folder: Path, monkeypatch) -> None:
    save_photo(np.zeros((9, 9, 3), np.uint8), folder / "祖母.png")
    output = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", output)
    assert colorize(folder, "祖母.png") == 0
    output.flush()
    assert rb"\u7956\u6bcd" in output.buffer.getvalue()  # type: ignore[attr-defined]


def test_what_its_format_cannot_hold_is_refused_before_the_work(
    folder: Path, capsys, monkeypatch
) -> None:
    save_photo(np.zeros((1, 20_000, 3), np.uint8), folder / "wide.png")
    monkeypatch.setattr(
        "colorlib.colorizer.Colorizer.__call__", lambda *_, **__: pytest.fail("the work was done")
    )
    assert colorize(folder, "wide.png", out="wide.webp") == 2
    assert "WEBP has at most 16,383 pixels a side, and this photo 20,000" in only_line(capsys)


def test_colorize_with_random_hints(folder: Path, capsys) -> None:
    for out, seed in (("a.png", "1"), ("b.png", "1"), ("c.png", "2")):
        assert colorize(folder, "colour.png", "--random-hints", "5", "--seed", seed, out=out) == 0
    assert capsys.readouterr().out.count("\n") == 3
    a, b, c = (open_photo(folder / name) for name in ("a.png", "b.png", "c.png"))
    assert a.shape == (40, 60)
    assert a == open_photo(b, name="a")
    assert not np.array_equal(a.rgb, c.rgb)


def test_colorize_with_a_file_of_hints_is_the_same_as_with_those_hints(folder: Path) -> None:
    photo = open_photo(folder / "colour.png")
    Hints.random(photo, 5, seed=1).save(folder / "hints.json")
    hints = ["--hints", str(folder / "hints.json")]
    assert colorize(folder, "colour.png", *hints, out="from_file.png") == 0
    assert colorize(folder, "colour.png", "--random-hints", "5", "--seed", "1") == 0
    drawn, read = open_photo(folder / "out.png"), open_photo(folder / "from_file.png")
    assert np.array_equal(drawn.rgb, read.rgb)


def test_hints_go_along_to_another_photo_when_asked(folder: Path, capsys) -> None:
    state = State(Scene(Subject(open_photo(folder / "colour.png"))), "m", ("m",)).add(20, 30)
    (folder / "panel.json").write_text(saving.dump(state))
    hints = ["--hints", str(folder / "panel.json")]
    assert colorize(folder, "colour.png", *hints) == 0
    assert capsys.readouterr().err == ""
    assert colorize(folder, "grey.png", *hints) == 0  # of the same size
    assert only_line(capsys).endswith("panel.json was made for another photo\n")
    Hints([20], [30], [(9, 9)], (40, 60)).save(folder / "panel.json", "colour")
    assert [colorize(folder, photo, *hints) for photo in ("colour.png", "grey.png")] == [0, 0]
    assert only_line(capsys).endswith("panel.json was made for another photo\n")
    save_photo(np.zeros((80, 90, 3), np.uint8), folder / "large.png")
    assert colorize(folder, "large.png", *hints) == 2
    assert colorize(folder, "large.png", *hints, "--fit-hints") == 0


def test_colorize_a_grey_photo_without_hints(folder: Path) -> None:
    assert colorize(folder, "grey.png", out="none.png") == 0
    assert open_photo(folder / "none.png").shape == (40, 60)


def test_random_hints_of_a_grey_photo_are_refused(folder: Path, capsys) -> None:
    assert colorize(folder, "grey.png", "--random-hints", "5") == 2
    assert "grey is grey" in only_line(capsys)


@pytest.mark.parametrize(
    ("photo", "arguments", "names"),
    [
        ("missing.png", [], "missing.png"),
        ("model.json", [], "model.json"),
        ("colour.png", ["--model", "acolvit-t-0.123"], "acolvit-t-0.123"),
        ("colour.png", ["--hints", "missing.json"], "missing.json"),
        ("colour.png", ["--random-hints", "-1"], "-1"),
        ("colour.png", ["-o", "no/such/folder/out.png"], "folder"),
        ("colour.png", ["-o", "out.nonsense"], "nonsense"),
    ],
)
def test_bad_input_is_one_line(folder: Path, capsys, photo, arguments, names) -> None:
    assert colorize(folder, photo, *arguments) == 2
    assert names in only_line(capsys)


def test_hints_of_another_photo_are_refused(folder: Path, capsys) -> None:
    save_photo(np.zeros((8, 8, 3), np.uint8), folder / "small.png")
    Hints.random(open_photo(folder / "colour.png"), 3).save(folder / "other.json")
    assert colorize(folder, "small.png", "--hints", str(folder / "other.json")) == 2
    assert "8" in only_line(capsys)


def test_a_dash_is_standard_input_and_output(folder: Path, monkeypatch, capsysbinary) -> None:
    photo = io.BytesIO((folder / "colour.png").read_bytes())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(photo))
    command = ["colorize", "-", "-o", "-", "--random-hints", "3"]
    assert cli.main([*command, "--model", str(folder / "model.safetensors")]) == 0
    said = capsysbinary.readouterr()
    assert colorize(folder, "colour.png", "--random-hints", "3") == 0
    assert np.array_equal(open_photo(said.out).rgb, open_photo(folder / "out.png").rgb)
    assert said.err.startswith(b"Colorization('photo'")


def test_many_photos_go_into_a_folder_and_a_bad_one_stops_none(folder: Path, capsys) -> None:
    photos = [folder / name for name in ("model.json", "gr*.png", "missing.jpg", "colour.png")]
    command = ["colorize", *map(str, photos), "-o", str(folder / "many")]
    assert cli.main([*command, "--model", str(folder / "model.safetensors")]) == 2
    said = capsys.readouterr()
    assert sorted(path.name for path in (folder / "many").iterdir()) == ["colour.png", "grey.png"]
    assert said.out.count("Colorization(") == 2
    assert [name in said.err for name in ("model.json", "missing.jpg", "grey.png")] == [1, 1, 0]


def test_many_photos_side_by_side_are_the_same_as_each_alone(folder: Path, capsys) -> None:
    names = ["colour.png", "grey.png"]
    model = ["--model", str(folder / "model.safetensors")]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        places = [str(folder / name) for name in names]
        assert cli.main(["colorize", *places, "-o", str(folder / "both"), *model]) == 0
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("'")[1] for line in lines] == ["colour", "grey"]
    for name in names:
        assert colorize(folder, name, out="alone.png") == 0
        alone, beside = (open_photo(folder / one).rgb for one in ("alone.png", f"both/{name}"))
        assert np.array_equal(alone, beside)


def test_several_photos_into_one_file_are_refused_before_one_is_written(
    folder: Path, capsys
) -> None:
    photos = [str(folder / name) for name in ("grey.png", "colour.png")]
    assert cli.main(["colorize", *photos, "-o", str(folder / "one.jpg")]) == 2
    assert "one.jpg" in only_line(capsys)
    assert not (folder / "one.jpg").exists()


def test_a_photo_is_overwritten_only_when_told_so(folder: Path, capsys) -> None:
    before = (folder / "grey.png").read_bytes()
    for out in ("grey.png", "."):
        assert colorize(folder, "grey.png", out=out) == 2
        assert "--overwrite" in only_line(capsys)
        assert (folder / "grey.png").read_bytes() == before
    (folder / "copy.png").write_bytes(before)
    assert colorize(folder, "copy.png", "--overwrite", out="copy.png") == 0
    assert b"coloured by model" in (folder / "copy.png").read_bytes()


def test_two_kinds_of_hints_are_refused(folder: Path, capsys) -> None:
    with pytest.raises(SystemExit) as status:
        colorize(folder, "colour.png", "--hints", "h.json", "--random-hints", "3")
    assert status.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_other_commands_get_their_arguments(tmp_path: Path, capsys) -> None:
    assert cli.main(["reproduce", "--quick", "--folder", str(tmp_path)]) == 2
    assert "no *.ipynb in" in capsys.readouterr().err


@pytest.mark.parametrize("module", [module for module, _ in cli.COMMANDS.values()])
def test_every_command_has_a_module_with_a_command_line(module: str) -> None:
    assert callable(import_module(module).main)


def test_help_is_quick_and_names_every_command() -> None:
    code = "import sys, colorlib.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\n"
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    for name in ("colorize", "train", "table1", "reproduce", "doctor"):
        assert f"\n    {name}" in done.stdout


def test_the_installed_command_and_the_module_answer(folder: Path) -> None:
    for command in (
        [Path(sys.executable).with_name("colorlib")],
        [sys.executable, "-m", "colorlib"],
    ):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout == f"colorlib {colorlib.__version__}\n"
    done = subprocess.run(
        [*command, "colorize", "missing.png", "-o", "x.png"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
