"""Point-interactive colorization with A-ColViT, an adaptive vision transformer.

    import colorlib
    photo = colorlib.photos.gallery("chelsea")
    hints = colorlib.hints.evaluation_hints(photo, 10)
    colorlib.Colorizer("acolvit-t-0.5")(photo, hints).save("chelsea.png")

Submodules are imported when they are first used, as PyTorch and timm take seconds to import.
"""

import os

import lazy_loader

from colorlib import _torchvision

_torchvision.install()  # before anything imports timm or lpips
# Before anything imports ONNX Runtime, whose builds report their use to Microsoft (Privacy.md).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "checkpoints",
        "color",
        "colorizer",
        "course",
        "evaluate",
        "files",
        "hints",
        "metrics",
        "model",
        "panel",
        "photos",
        "table1",
        "table2",
        "train",
    ],
    submod_attrs={
        "colorizer": ["Colorizer"],
        "files": ["ColorlibError"],
        "hints": ["Hints"],
        "photos": ["Photo", "open_photo"],
    },
)
