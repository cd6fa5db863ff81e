"""What is shipped holds what is said of it: checkpoints, cards and logs, measured again."""

import pytest

from colorlib import checkpoints
from colorlib.files import data_dir
from colorlib.training.log import read_log
from colorlib.training.publish import check

NAMES = ["acolvit-t-0.5", "icolorit-t"]


@pytest.mark.parametrize("name", NAMES)
def test_colours_of_the_gallery_come_from_the_hints(name: str) -> None:
    """10 hints are worth 2 dB over none and over the grey photo; the card holds, see below."""
    result = checkpoints.card(name)["measured"]["gallery"]
    assert result["psnr"]["10"] >= result["psnr"]["0"] + 2
    assert result["psnr"]["10"] >= result["grey"] + 2
    counts = [result["psnr"][str(count)] for count in (1, 5, 10, 50)]
    assert counts == sorted(counts)


@pytest.mark.parametrize("name", NAMES)
def test_card_says_what_is_measured(name: str) -> None:
    assert check(name, []) == []


@pytest.mark.parametrize("name", NAMES)
def test_card_tells_how_to_make_it(name: str) -> None:
    card = checkpoints.card(name)
    for key in ("about", "command", "commit", "crops_seen", "device", "hours", "photos", "run"):
        assert card[key], key
    config = data_dir().parent / card["command"].split()[-1]
    assert config.is_file()


@pytest.mark.parametrize("name", NAMES)
def test_log_ends_where_the_card_does(name: str) -> None:
    rows = read_log(data_dir() / "runs" / f"{name}.csv")
    card = checkpoints.card(name)
    assert rows[-1]["crops"] == card["crops_seen"]
    assert rows[-1]["psnr10"] == pytest.approx(card["last_log"]["psnr10"], rel=1e-5)


def test_half_of_the_sub_layers_are_kept() -> None:
    result = checkpoints.card("acolvit-t-0.5")["measured"]
    for place in result.values():
        for share in place["kept"].values():
            assert share == pytest.approx(0.5, abs=0.05)
