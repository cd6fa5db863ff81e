"""Levin et al.: against what can be worked out by hand."""

import numpy as np

from colorlib.levin import colorize


def hints(shape: tuple[int, int], **at: object) -> tuple[np.ndarray, np.ndarray]:
    """ab and mask, with `at` {"r_c": (a, b)}."""
    ab, mask = np.zeros((2, *shape)), np.zeros(shape, dtype=bool)
    for place, colour in at.items():
        row, column = map(int, place.strip("_").split("_"))
        ab[:, row, column], mask[row, column] = colour, True
    return ab, mask


def test_between_two_hints_on_a_flat_line_the_colour_is_linear():
    """Each pixel is the mean of its two neighbours; at an end, it is its only neighbour."""
    answer = colorize(np.full((1, 7), 40.0), *hints((1, 7), _0_1=(0, 8), _0_5=(40, 0)))
    np.testing.assert_allclose(answer[0, 0], [0, 0, 10, 20, 30, 40, 40], atol=1e-9)
    np.testing.assert_allclose(answer[1, 0], [8, 8, 6, 4, 2, 0, 0], atol=1e-9)


def test_nothing_and_everything_given():
    rng = np.random.default_rng(0)
    lightness, ab = rng.uniform(0, 100, (4, 5)), rng.uniform(-50, 50, (2, 4, 5))
    assert not colorize(lightness, ab, np.zeros((4, 5), dtype=bool)).any()
    np.testing.assert_array_equal(colorize(lightness, ab, np.ones((4, 5), dtype=bool)), ab)


def test_the_definition_holds_at_every_free_pixel():
    """Against a loop over pixels, on lightness at random."""
    rng = np.random.default_rng(1)
    lightness = rng.uniform(0, 100, (6, 5))
    ab, mask = hints((6, 5), _1_1=(30, 5), _4_3=(-20, 40))
    answer = colorize(lightness, ab, mask)
    y = lightness / 100
    for row in range(6):
        for column in range(5):
            window = (slice(max(row - 1, 0), row + 2), slice(max(column - 1, 0), column + 2))
            squared = (y[window] - y[row, column]) ** 2
            variance = max(0.6 * y[window].var(), 2e-6)
            variance = max(variance, np.sort(squared.ravel())[1] / -np.log(0.01))
            weights = np.exp(-squared / variance)
            weights[squared == 0] = 0  # the pixel itself; no two are equal here
            mean = (weights * answer[(slice(None), *window)]).sum((1, 2)) / weights.sum()
            expected = ab[:, row, column] if mask[row, column] else mean
            np.testing.assert_allclose(answer[:, row, column], expected, atol=1e-8)
