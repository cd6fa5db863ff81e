"""Point-interactive colorization with A-ColViT, an adaptive vision transformer.

    import colorlib
    photo = colorlib.photos.gallery("chelsea")
    hints = colorlib.hints.evaluation_hints(photo, 10)
    colorlib.Colorizer("acolvit-t-0.5")(photo, hints).save("chelsea.png")

Submodules are imported when they are first used, as PyTorch and timm take seconds to import.
"""

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import lazy_loader


class _TorchvisionGuard(MetaPathFinder):
    """Makes `import torchvision` work beside a PyTorch that its binary was not built for.

    torchvision's wheel for Linux is built against the CUDA build of PyTorch. Beside a CPU build
    its extension does not load, and the import dies with "operator torchvision::nms does not
    exist", taking timm and lpips with it, though neither needs the operator. With the schemas
    declared it goes through, and only calling those operators fails.

    As it takes seconds, torchvision is not imported on the chance that somebody needs it: this
    stands before Python's own finders, and acts when it is asked for.
    """

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        if fullname != "torchvision":
            return
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname)
        binary = Path((spec and spec.origin) or "").with_name("_C.so")
        # On Windows it has another name, and fits.
        if binary.is_file():
            import torch

            try:
                torch.ops.load_library(binary)
            except OSError:
                # Kept, as what it declares dies with it.
                self.library = torch.library.Library("torchvision", "DEF")
                for name in ("nms", "qnms"):
                    arguments = "Tensor dets, Tensor scores, float iou_threshold"
                    self.library.define(f"{name}({arguments}) -> Tensor")


_GUARD = _TorchvisionGuard()
sys.meta_path.insert(0, _GUARD)  # before anything imports timm or lpips
# Before anything imports ONNX Runtime, whose builds report their use to Microsoft (Privacy.md).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[module.name for module in iter_modules(__path__) if module.name != "__main__"],
    submod_attrs={
        "colorizer": ["Colorizer"],
        "files": ["ColorlibError"],
        "hints": ["Hints"],
        "photos": ["Photo", "open_photo"],
    },
)
