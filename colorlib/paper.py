"""Tables 1 and 2 of the A-ColViT paper as they are printed."""

from typing import Any

DENSE = "icolorit-t"  # the network that its differences and speed-ups are taken to
COUNTS = (1, 5, 10, 50)

# GMAC (the paper: "GFLOPs"), then PSNR / LPIPS at 1, 5, 10 and 50 hints. LPIPS is by VGG, fed
# [0, 1]: our column lpips_vgg. Slips are left as they are printed: iColoriT-T's LPIPS
# on CUB at 5 hints, .010, must be .100, as the difference printed beside T-0.9's .096 is -.004.
_PRINTED = """
imagenet   icolorit-t    1.43  25.69/.113  27.79/.093  28.82/.085  31.08/.068
imagenet   acolvit-t-0.9 1.32  25.83/.111  27.93/.091  28.96/.083  31.23/.067
imagenet   acolvit-t-0.7 1.07  25.77/.111  27.86/.092  28.90/.083  31.16/.067
imagenet   acolvit-t-0.5 0.79  25.66/.114  27.75/.094  28.76/.086  31.00/.069
imagenet   acolvit-t-0.3 0.46  25.34/.120  27.42/.098  28.43/.090  30.67/.072
oxford102  icolorit-t    1.43  20.31/.213  23.31/.151  24.67/.130  27.30/.095
oxford102  acolvit-t-0.9 1.32  20.49/.205  23.53/.145  24.89/.124  27.50/.091
oxford102  acolvit-t-0.7 1.09  20.44/.208  23.44/.148  24.80/.126  27.40/.093
oxford102  acolvit-t-0.5 0.86  20.31/.213  23.28/.151  24.64/.129  27.24/.095
oxford102  acolvit-t-0.3 0.49  20.06/.225  22.87/.162  24.19/.139  26.80/.103
cub200     icolorit-t    1.43  26.64/.121  28.74/.010  29.60/.090  31.60/.073
cub200     acolvit-t-0.9 1.32  26.77/.118  28.86/.096  29.71/.088  31.74/.071
cub200     acolvit-t-0.7 1.07  26.72/.120  28.80/.097  29.66/.089  31.67/.072
cub200     acolvit-t-0.5 0.79  26.62/.121  28.68/.099  29.52/.090  31.50/.074
cub200     acolvit-t-0.3 0.46  26.30/.129  28.40/.103  29.23/.094  31.17/.078
"""


def parsed(printed: str) -> dict[tuple[str, str, int], dict[str, float]]:
    """Return lines as above by (set, model, hints): {"gmac", "psnr", "lpips"}."""
    table = {}
    for line in printed.split("\n")[1:-1]:
        place, model, gmac, *cells = line.split()
        for count, cell in zip(COUNTS, cells, strict=True):
            psnr, lpips = map(float, cell.split("/"))
            table[place, model, count] = {"gmac": float(gmac), "psnr": psnr, "lpips": lpips}
    return table


PAPER = parsed(_PRINTED)
PAPER_SETS = {
    "imagenet": "ImageNet ctest10k",
    "oxford102": "Oxford 102 validation",
    "cub200": "CUB-200-2011 test",
}

# Table 2: images a second on one thread of a CPU, the speed-up beside them, and the one that the
# paper's text has for the same network.
PAPER_SPEED: dict[str, dict[str, Any]] = {
    "icolorit-t": {"images": 23.6, "speedup": None, "text": None, "gmac": 1.43},
    "acolvit-t-0.3": {"images": 50.8, "speedup": 2.2, "text": 1.7, "gmac": 0.46},
    "acolvit-t-0.5": {"images": 40.0, "speedup": 1.7, "text": 2.2, "gmac": 0.79},
}
