"""The checks of notebook 01: stubs, the solutions, and typical mistakes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from colorlib.course import n01

CHECKS = [
    n01.check_01_1,
    n01.check_01_2,
    n01.check_01_3,
    n01.check_01_4,
]


@pytest.fixture(scope="module")
def solved(solutions_of: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """What the solutions notebook defines."""
    return solutions_of("01_lab_color")


@pytest.mark.parametrize("check", CHECKS)
def test_stubs_are_not_done_yet(check: Any) -> None:
    assert check(...).status == "not done yet"
    if check is not n01.check_01_2:
        assert check(lambda *_: None).status == "not done yet"


def test_solutions_are_correct(solved: dict[str, Any]) -> None:
    answers = [solved[name] for name in ("lightness", "colour", "turn_hue", "my_psnr")]
    for check, answer in zip(CHECKS, answers, strict=True):
        for _ in range(5):  # the inputs are drawn anew each time
            assert check(answer).status == "correct", check(answer)


def light(rgb: Any) -> Any:
    c = rgb / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def luminance(linear: Any) -> Any:
    return linear @ (0.212671, 0.715160, 0.072169)


def curve(Y: Any) -> Any:
    return 116 * (np.cbrt(Y) if Y > 0.008856 else 7.787 * Y + 16 / 116) - 16


@pytest.mark.parametrize(
    ("lightness", "diagnosis"),
    [
        (lambda rgb: luminance(light(rgb)), "that is the luminance Y"),
        (lambda rgb: 100 * luminance(light(rgb)), "the curve f of step 3 is missing"),
        (lambda rgb: 116 * np.cbrt(luminance(light(rgb))) - 16, "f is a straight line"),
        (lambda rgb: curve(luminance(rgb / 255)), "sRGB is not light"),
        (lambda rgb: curve(light(rgb).mean()), "does not weigh red, green and blue alike"),
        (lambda rgb: curve(luminance(rgb)), "divide the 8-bit numbers by 255"),
        (lambda rgb: curve(luminance((rgb / 255) ** 2.2)), "not a power of 2.2"),
        (lambda rgb: light(rgb), "L is one number"),
        (lambda rgb: 50.0, "you say L = 50.00"),
    ],
)
def test_01_1_names_the_mistake(lightness: Any, diagnosis: str) -> None:
    verdict = n01.check_01_1(lightness)
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


@pytest.mark.parametrize(
    ("colour", "diagnosis"),
    [
        ((0.25, 0.41, 0.88), "three whole numbers"),
        (5, "three whole numbers"),
        ((95, 123, 300), "no 8-bit colour"),
        ((255, 215, 0), "lighter than royal blue's 47.8"),
        ((0, 0, 0), "darker than royal blue's 47.8"),
        ((65, 105, 225), "only 0 away in ab"),
    ],
)
def test_01_2_names_the_mistake(colour: Any, diagnosis: str) -> None:
    verdict = n01.check_01_2(colour)
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


def turned(ab: Any, angle: float) -> Any:
    a, b = ab.split(1, dim=1)
    cos, sin = np.cos(angle), np.sin(angle)
    return torch.cat((cos * a - sin * b, sin * a + cos * b), dim=1)


def new_a_too_early(ab: Any, degrees: float) -> Any:
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    a, b = ab.clone().split(1, dim=1)
    a = cos * a - sin * b
    return torch.cat((a, sin * a + cos * b), dim=1)


@pytest.mark.parametrize(
    ("turn_hue", "diagnosis"),
    [
        (turned, "cos and sin take radians"),
        (lambda ab, degrees: turned(ab, -np.deg2rad(degrees)), "it turns the other way"),
        (new_a_too_early, "the distance from grey changes"),
        (lambda ab, degrees: ab.add_(1), "changed the ab it was given"),
        (lambda ab, degrees: ab[:, :1], "[1, 1, 5, 7] came back"),
        (lambda ab, degrees: ab, "not turned by"),
    ],
)
def test_01_3_names_the_mistake(turn_hue: Any, diagnosis: str) -> None:
    verdict = n01.check_01_3(turn_hue)
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


def error(a: Any, b: Any) -> Any:
    return np.mean((a / 255 - b / 255) ** 2)


@pytest.mark.parametrize(
    ("my_psnr", "diagnosis"),
    [
        (lambda a, b: -10 * np.log10(np.mean((a - b) ** 2) / 255**2), "no negative numbers"),
        (lambda a, b: -10 * np.log10(error(a, b) * 255**2), "measure on [0, 1]"),
        (lambda a, b: 10 * np.log10(error(a, b)), "the sign is missing"),
        (lambda a, b: -10 * np.log(error(a, b)), "the logarithm is to base 10"),
        (lambda a, b: -20 * np.log10(error(a, b)), "20 goes with the root"),
        (lambda a, b: -10 * np.log10(np.sqrt(error(a, b))), "take no root"),
        (error, "that is the mean squared error"),
        (lambda a, b: 3.0, "you say 3.00 dB"),
        (lambda a, b: "many", "the PSNR is one number"),
    ],
)
def test_01_4_names_the_mistake(my_psnr: Any, diagnosis: str) -> None:
    verdict = n01.check_01_4(my_psnr)
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message
