"""Point-interactive colorization with A-ColViT, an adaptive vision transformer.

    import colorlib
    photo = colorlib.photos.gallery("chelsea")
    hints = colorlib.hints.evaluation_hints(photo, 10)
    colorlib.Colorizer("acolvit-t-0.5")(photo, hints).save("chelsea.png")

Submodules are imported when they are first used, as PyTorch and timm take seconds to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from colorlib import _torchvision

_torchvision.install()  # before anything imports timm or lpips

if TYPE_CHECKING:
    from colorlib import (
        checkpoints,
        color,
        colorizer,
        course,
        files,
        hints,
        metrics,
        model,
        photos,
        train,
    )
    from colorlib.colorizer import Colorizer
    from colorlib.files import ColorlibError
    from colorlib.hints import Hints
    from colorlib.photos import Photo, open_photo

__version__ = "0.1.0"

__all__ = [
    "Colorizer",
    "ColorlibError",
    "Hints",
    "Photo",
    "checkpoints",
    "color",
    "colorizer",
    "course",
    "files",
    "hints",
    "metrics",
    "model",
    "open_photo",
    "photos",
    "train",
]

_HOMES = {
    "Colorizer": "colorizer",
    "ColorlibError": "files",
    "Hints": "hints",
    "Photo": "photos",
    "open_photo": "photos",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"colorlib.{_HOMES[name]}"), name)
    if name in __all__:
        return import_module(f"colorlib.{name}")
    raise AttributeError(f"module 'colorlib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
