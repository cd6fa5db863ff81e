"""Makes `import torchvision` work beside a PyTorch that its binary was not built for.

torchvision's wheel for Linux is built against the CUDA build of PyTorch. Beside a CPU build of
the same version its extension cannot be loaded, and the import dies with "operator
torchvision::nms does not exist", taking timm and lpips with it, though neither needs the
operator. With the schemas of `nms` and `qnms` declared the import goes through, and only calling
those two operators fails. With a proper build nothing is declared.

Importing torchvision takes seconds, so colorlib does not do it on the chance that somebody needs
it: `install` puts a finder before the others that changes how torchvision is loaded, if it is.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

MESSAGE = "operator torchvision::nms does not exist"

_declared: list[Any] = []  # the torch.library.Library; what it declares dies with it


def is_declared() -> bool:
    """Say whether the schemas had to be declared: torchvision's own binary did not load."""
    return bool(_declared)


def install() -> None:
    """Guard the import of torchvision from now on."""
    sys.meta_path.insert(0, _Finder())


class _Loader(SourceFileLoader):
    """Python's own loader, which tries a second time when the schemas are what was missing."""

    def exec_module(self, module: ModuleType) -> None:
        empty = dict(vars(module))
        try:
            super().exec_module(module)
        except RuntimeError as error:
            if MESSAGE not in str(error) or is_declared():
                raise
            import torch

            library = torch.library.Library("torchvision", "DEF")
            for name in ("nms", "qnms"):
                library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            _declared.append(library)
            # The second try starts from nothing, not from what the first one got done.
            for name in [name for name in sys.modules if name.startswith("torchvision.")]:
                del sys.modules[name]
            vars(module).clear()
            vars(module).update(empty)
            super().exec_module(module)


class _Finder(MetaPathFinder):
    """Finds torchvision where Python would, and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname == "torchvision" else None
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec
