"""LPIPS against the numbers its authors publish, and the places its weights come from."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from colorlib.files import ColorlibError
from colorlib.metrics import NETWORKS, Lpips, why_not_lpips

SMALL = np.random.default_rng(0).integers(0, 256, (2, 32, 40, 3), dtype=np.uint8)
FEATURES, DOWNLOAD, _ = NETWORKS["alex"]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path) -> Path:
    """No weights but those that a test puts somewhere; the empty cache of torch."""
    monkeypatch.delenv("COLORLIB_LPIPS", raising=False)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    return cache


def test_the_published_numbers(shared_dir, monkeypatch):
    monkeypatch.setenv("COLORLIB_LPIPS", str(shared_dir / "lpips"))
    alex = Lpips("alex")
    reference, *others = (
        np.asarray(Image.open(shared_dir / "lpips" / f"ex_{name}.png").convert("RGB"))
        for name in ("ref", "p0", "p1")
    )
    # As PerceptualSimilarity's README prints them.
    assert [round(alex(reference, other), 3) for other in others] == [0.722, 0.138]


def test_the_cache_of_torch_is_read(nowhere, shared_dir, monkeypatch):
    state = load_file(shared_dir / "lpips" / FEATURES)
    whole = {**state, "classifier.6.bias": torch.zeros(1000)}  # as torchvision's has it
    torch.save(whole, nowhere / DOWNLOAD)
    assert why_not_lpips("alex") is None
    found = Lpips("alex")(*SMALL)
    monkeypatch.setenv("COLORLIB_LPIPS", str(shared_dir / "lpips"))
    assert found == Lpips("alex")(*SMALL)


def test_the_cache_holds_what_torchvision_downloads():
    from torchvision.models import AlexNet_Weights, VGG16_Weights

    assert AlexNet_Weights.IMAGENET1K_V1.url.endswith("/" + DOWNLOAD)
    assert VGG16_Weights.IMAGENET1K_V1.url.endswith("/" + NETWORKS["vgg"][1])


def test_missing_weights(nowhere, monkeypatch, tmp_path):
    """Nobody asked for a download: the reason says where they would be, and how to get them."""
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: pytest.fail("no"))
    reason = why_not_lpips("alex") or ""
    for part in (str(nowhere / DOWNLOAD), "lpips.LPIPS(net='alex')", "COLORLIB_LPIPS"):
        assert part in reason
    monkeypatch.setenv("COLORLIB_LPIPS", str(tmp_path / "no folder"))
    with pytest.raises(ColorlibError, match=r"no folder.*features\.safetensors or .*hub"):
        Lpips("alex")
    with pytest.raises(ColorlibError, match="'squeeze': there are alex, vgg"):
        Lpips("squeeze")


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_as_the_authors_package_computes_it(net, shared_dir, monkeypatch):
    """In both input ranges, with torchvision's weights put into the package's own network."""
    import lpips
    import torchvision

    monkeypatch.setenv("COLORLIB_LPIPS", str(shared_dir / "lpips"))
    name = {"alex": "alexnet", "vgg": "vgg16"}[net]
    with torch.device("meta"):
        network = getattr(torchvision.models, name)(weights=None)
    stored = load_file(shared_dir / "lpips" / NETWORKS[net][0])
    features = {key: value.float() for key, value in stored.items()}
    network.load_state_dict(features, strict=False, assign=True)
    monkeypatch.setattr(lpips.pretrained_networks.tv, name, lambda pretrained: network)
    theirs, ours = lpips.LPIPS(net=net, verbose=False), Lpips(net)
    tensors = torch.from_numpy(SMALL).permute(0, 3, 1, 2)[:, None] / 255
    for fed, normalize in (("icolorit", False), ("lpips", True)):
        with torch.no_grad():
            expected = theirs(*tensors, normalize=normalize).item()
        assert ours(*SMALL, fed) == pytest.approx(expected, rel=1e-4)


def test_damaged_weights(nowhere):
    path = nowhere / DOWNLOAD
    path.write_bytes(b"half a file")
    with pytest.raises(ColorlibError, match=r"alexnet-owt-7be5be79\.pth is damaged"):
        Lpips("alex")
