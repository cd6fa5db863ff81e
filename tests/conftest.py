"""What all tests share."""

import os
from pathlib import Path

import pytest

import colorlib  # noqa: F401  (its torchvision guard must come before anything imports timm)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder with the full data sets beside the clone; a run by CI must have it."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        message = "there is no folder 'shared' with the full data sets beside the clone"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder
