"""How long a photo of 12 megapixels takes to save, and how large it is.

    python tests/measure_saving.py

prints a table: PNG at each level of compression that might be taken, and what `photo_file` makes.
Processor time of one thread, so that other programs count little. The photo is the gallery's
largest, enlarged, with noise such as a camera adds: smooth photos are saved in less.
"""

import io
import time
from collections.abc import Callable

import numpy as np
import pandas
from PIL import Image

from colorlib.photos import Photo, gallery, photo_file


def png(photo: Photo, level: int) -> bytes:
    """As PNG at a level of compression."""
    stream = io.BytesIO()
    Image.fromarray(photo.rgb).save(stream, "PNG", compress_level=level)
    return stream.getvalue()


def timed(what: str, made: Callable[[], bytes]) -> dict[str, str | float]:
    """A row: seconds and megabytes."""
    start = time.process_time()
    size = len(made())
    return {"what": what, "seconds": time.process_time() - start, "MB": size / 1e6}


if __name__ == "__main__":
    large = gallery("raccoon").resized((3000, 4000)).rgb
    noise = np.random.default_rng(0).normal(0, 2, large.shape)
    photo = Photo((large + noise).round().clip(0, 255).astype(np.uint8))
    rows = [timed(f"PNG, level {n}", lambda n=n: png(photo, n)) for n in (1, 3, 6)]
    for name in ("photo.png", "photo.jpg", "photo.webp"):
        rows.append(timed(f"photo_file, {name[5:]}", lambda name=name: photo_file(photo, name)))
    print(pandas.DataFrame(rows).to_string(index=False, float_format="{:.2f}".format))
