"""What all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

import colorlib  # noqa: F401  (its torchvision guard must come before anything imports timm)

if TYPE_CHECKING:
    from browser import Lab

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


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For networks so small that threads would mostly wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Lab"]:
    """JupyterLab with a notebook whose first cell shows a panel."""
    from browser import CELLS, NOTEBOOK, Lab

    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.notebook(NOTEBOOK, *CELLS)
    try:
        lab.wait()
        yield lab
    finally:
        lab.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser."""
    from browser import ARGUMENTS, CHROMIUM
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
