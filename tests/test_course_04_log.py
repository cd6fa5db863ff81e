"""The table of how runs ended."""

from colorlib.course.n04 import comparison

NAN = float("nan")


def row(crops: float, huber: float, psnr10: float, used: tuple[float, float]) -> dict[str, float]:
    shares = dict(zip(("open_attention", "open_ffn"), used, strict=True))
    return {"crops": crops, "huber": huber, "psnr10": psnr10, **shares}


def test_runs_are_compared_at_as_many_crops() -> None:
    dense = [row(160, 0.09, 26.0, (NAN, NAN)), row(320, 0.06, 28.0, (NAN, NAN))]
    logs = {
        "icolorit-t": dense,
        # In use (.4 + .5) / 2 = .45; 27.87 - 28 = -.13.
        "acolvit-t-0.5": [row(160, 0.1, NAN, (1, 1)), row(320, 0.07, 27.87, (0.4, 0.5))],
        # A shorter run is compared with the dense one at 160 crops: 26.05 - 26 = +.05.
        "short": [row(160, 0.08, 26.05, (NAN, NAN))],
        # At 480 crops there is nothing to compare with; the other was not measured.
        "long": [row(480, 0.08, 29.0, (1, 0))],
        "unmeasured": [row(320, 0.08, NAN, (NAN, NAN))],
    }
    header, *lines = comparison(logs, "icolorit-t").splitlines()
    assert header.split("  ")[-1] == "against icolorit-t"
    assert [line.split() for line in lines] == [
        ["icolorit-t", "-", "0.0900", "0.0600", "28.00", "+0.00"],
        ["acolvit-t-0.5", "0.45", "0.1000", "0.0700", "27.87", "-0.13"],
        ["short", "-", "0.0800", "0.0800", "26.05", "+0.05"],
        ["long", "0.50", "0.0800", "0.0800", "29.00", "-"],
        ["unmeasured", "-", "0.0800", "0.0800", "-", "-"],
    ]
    assert {len(line) for line in lines} == {len(header)}
