"""The notebook errata: the differences that Table 1 prints, and those that cannot be."""

from colorlib.paper import DENSE, PAPER, parsed

# The differences to iColoriT-T that Table 1 prints: GMAC in percent, then PSNR / LPIPS.
# An arrow after each says which way, and a plus here is its arrow up; 0 has neither.
_PRINTED_DIFFERENCES = """
imagenet   acolvit-t-0.9  -7.7  +.14/-.002  +.14/-.002  +.14/-.002  +.15/-.001
imagenet   acolvit-t-0.7 -25.2  +.08/-.002  +.07/0.000  +.08/-.002  +.08/-.001
imagenet   acolvit-t-0.5 -44.8  -.03/+.001  -.04/+.002  -.06/+.001  -.08/+.001
imagenet   acolvit-t-0.3 -67.8  -.35/+.006  -.37/+.005  -.39/+.005  -.41/+.004
oxford102  acolvit-t-0.9  -7.7  +.18/-.008  +.22/-.006  +.22/-.006  +.20/-.004
oxford102  acolvit-t-0.7 -23.8  +.13/-.005  +.13/-.003  +.13/-.004  +.10/-.002
oxford102  acolvit-t-0.5 -39.9  0.00/0.000  -.03/0.000  -.03/+.001  -.06/0.000
oxford102  acolvit-t-0.3 -65.7  -.25/+.012  -.44/+.002  -.48/+.009  -.50/+.008
cub200     acolvit-t-0.9  -7.7  +.13/-.003  +.12/-.004  +.11/-.002  +.14/-.002
cub200     acolvit-t-0.7 -25.2  +.08/-.001  +.06/-.003  +.06/-.001  +.07/-.001
cub200     acolvit-t-0.5 -44.8  -.02/0.000  -.06/-.001  -.08/0.000  -.10/+.001
cub200     acolvit-t-0.3 -67.8  -.34/+.008  -.34/+.003  -.37/+.004  -.43/+.005
"""

PAPER_DIFFERENCES = parsed(_PRINTED_DIFFERENCES)


def wrong_differences() -> dict[tuple[str, str, int, str], tuple[float, float]]:
    """Return the differences that Table 1 prints and its own values rule out.

    (printed, recomputed) by set, model, number of hints and "psnr" or "lpips". A difference taken
    before its two values were rounded may be off by one in the last digit: such are not listed.
    """
    found = {}
    for (place, model, count), printed in PAPER_DIFFERENCES.items():
        for column, unit in (("psnr", 0.01), ("lpips", 0.001)):
            own, dense = (PAPER[place, name, count][column] for name in (model, DENSE))
            if abs(round((own - dense - printed[column]) / unit)) > 1:
                difference = round(own - dense, 3)
                found[place, model, count, column] = (printed[column], difference)
    return found
