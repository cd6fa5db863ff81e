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


def test_a_name_that_the_output_lacks_is_escaped(folder, monkeypatch):
    save_photo(np.zeros((9, 9, 3), np.uint8), folder / "祖母.png")
    output = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", output)
    assert colorize(folder, "祖母.png") == 0
    output.flush()
    assert rb"\u7956\u6bcd" in output.buffer.getvalue()  # type: ignore[attr-defined]


def test_what_its_format_cannot_hold_is_refused_before_the_work(folder, capsys, monkeypatch):
    save_photo(np.zeros((1, 20_000, 3), np.uint8), folder / "wide.png")
    monkeypatch.setattr(
        "colorlib.colorizer.Colorizer.__call__", lambda *_, **__: pytest.fail("the work was done")
    )
    assert colorize(folder, "wide.png", out="wide.webp") == 2
    assert "WEBP has at most 16,383 pixels a side, and this photo 20,000" in only_line(capsys)


def test_colorize_with_random_hints_and_with_the_same_from_a_file(folder):
    for out, seed in (("a.png", "1"), ("b.png", "1"), ("c.png", "2")):
        assert colorize(folder, "colour.png", "--random-hints", "5", "--seed", seed, out=out) == 0
    Hints.random(open_photo(folder / "colour.png"), 5, seed=1).save(folder / "hints.json")
    assert colorize(folder, "colour.png", "--hints", str(folder / "hints.json"), out="d.png") == 0
    a, b, c, d = (open_photo(folder / f"{name}.png", name="any") for name in "abcd")
    assert a.shape == (40, 60)
    assert a == b == d
    assert a != c


def test_hints_go_along_to_another_photo_when_asked(folder, capsys):
    state = State(Scene(Subject(open_photo(folder / "colour.png"))), "m", ("m",)).add(20, 30)
    file = folder / "hints.json"
    hints = ["--hints", str(file)]
    for text in (saving.dump(state), state.hints.to_json("colour")):
        file.write_text(text)
        assert [colorize(folder, photo, *hints) for photo in ("colour.png", "grey.png")] == [0, 0]
        assert only_line(capsys).endswith("hints.json was made for another photo\n")
    save_photo(np.zeros((80, 90, 3), np.uint8), folder / "large.png")
    assert colorize(folder, "large.png", *hints) == 2
    assert "80" in only_line(capsys)
    assert colorize(folder, "large.png", *hints, "--fit-hints") == 0


@pytest.mark.parametrize(
    ("photo", "arguments", "names"),
    [
        ("missing.png", [], "missing.png"),
        ("colour.png", ["--model", "acolvit-t-0.123"], "acolvit-t-0.123"),
        ("colour.png", ["--hints", "missing.json"], "missing.json"),
        ("colour.png", ["--random-hints", "-1"], "-1"),
        ("grey.png", ["--random-hints", "5"], "grey is grey"),
        ("colour.png", ["-o", "no/such/folder/out.png"], "folder"),
        ("colour.png", ["-o", "out.nonsense"], "nonsense"),
    ],
)
def test_bad_input_is_one_line(folder, capsys, photo, arguments, names):
    assert colorize(folder, photo, *arguments) == 2
    assert names in only_line(capsys)


def test_a_dash_is_standard_input_and_output(folder, monkeypatch, capsysbinary):
    photo = io.BytesIO((folder / "colour.png").read_bytes())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(photo))
    command = ["colorize", "-", "-o", "-", "--random-hints", "3"]
    assert cli.main([*command, "--model", str(folder / "model.safetensors")]) == 0
    said = capsysbinary.readouterr()
    assert colorize(folder, "colour.png", "--random-hints", "3") == 0
    assert np.array_equal(open_photo(said.out).rgb, open_photo(folder / "out.png").rgb)
    assert said.err.startswith(b"Colorization('photo'")


def test_many_photos_side_by_side_are_as_each_alone_and_a_bad_one_stops_none(folder, capsys):
    photos = [folder / name for name in ("model.json", "gr*.png", "missing.jpg", "colour.png")]
    command = ["colorize", *map(str, photos), "-o", str(folder / "many")]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        assert cli.main([*command, "--model", str(folder / "model.safetensors")]) == 2
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)
    said = capsys.readouterr()
    assert [line.split("'")[1] for line in said.out.splitlines()] == ["grey", "colour"]
    assert [name in said.err for name in ("model.json", "missing.jpg", "grey.png")] == [1, 1, 0]
    assert sorted(path.name for path in (folder / "many").iterdir()) == ["colour.png", "grey.png"]
    for name in ("colour.png", "grey.png"):
        assert colorize(folder, name, out="alone.png") == 0
        alone, beside = (open_photo(folder / one).rgb for one in ("alone.png", f"many/{name}"))
        assert np.array_equal(alone, beside)
    assert cli.main([*command, "-o", str(folder / "colour.png" / "below")]) == 2
    assert "cannot make" in only_line(capsys)


def test_a_photo_or_a_second_result_is_overwritten_only_when_told_so(folder, capsys):
    before = (folder / "grey.png").read_bytes()
    for photos, out in ((["grey"], "grey.png"), (["grey"], "."), (["grey", "colour"], "one.jpg")):
        paths = [str(folder / f"{name}.png") for name in photos]
        assert cli.main(["colorize", *paths, "-o", str(folder / out)]) == 2
        assert "--overwrite" in only_line(capsys)
    assert (folder / "grey.png").read_bytes() == before
    assert not (folder / "one.jpg").exists()
    (folder / "copy.png").write_bytes(before)
    assert colorize(folder, "copy.png", "--overwrite", out="copy.png") == 0
    assert b"coloured by model" in (folder / "copy.png").read_bytes()


def test_every_command_has_a_module_with_a_command_line():
    for module, _ in cli.COMMANDS.values():
        assert callable(import_module(module).main)


def test_help_is_quick_and_names_every_command():
    code = "import sys, colorlib.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\n"
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    for name in ("colorize", "train", "table1", "reproduce", "doctor"):
        assert f"\n    {name}" in done.stdout


def test_the_installed_command_answers_and_a_command_gets_its_arguments(folder, capsys):
    installed = [Path(sys.executable).with_name("colorlib")], [sys.executable, "-m", "colorlib"]
    for command in ([*start, "--version"] for start in installed):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        assert done.stdout == f"colorlib {colorlib.__version__}\n"
    assert cli.main(["reproduce", "--quick", "--folder", str(folder)]) == 2
    assert f"error: no *.ipynb in {folder}" in only_line(capsys)
