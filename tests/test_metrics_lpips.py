"""LPIPS against the numbers its authors publish, and the places its weights come from."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from colorlib.files import ColorlibError
from colorlib.metrics import NETWORKS, Lpips, why_not_lpips

SMALL = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 40, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path) -> Path:
    """No weights but those that a test puts somewhere; the empty cache of torch."""
    monkeypatch.delenv("COLORLIB_LPIPS", raising=False)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    return cache


@pytest.fixture
def alex(shared_dir, monkeypatch) -> Lpips:
    monkeypatch.setenv("COLORLIB_LPIPS", str(shared_dir / "lpips"))
    return Lpips("alex")


def published_examples(shared_dir: Path) -> tuple[np.ndarray, np.ndarray]:
    reference, first, second = (
        np.asarray(Image.open(shared_dir / "lpips" / f"ex_{name}.png").convert("RGB"))
        for name in ("ref", "p0", "p1")
    )
    return np.stack((reference, reference)), np.stack((first, second))


def test_the_published_numbers(alex, shared_dir):
    reference, others = published_examples(shared_dir)
    values = alex(reference, others)
    # PerceptualSimilarity's README: 0.722 and 0.138.
    assert values.round(3).tolist() == [0.722, 0.138]
    assert values.dtype == np.float64


def test_a_truth_that_is_remembered_changes_nothing(alex):
    """Neither by its input range nor when its array is filled with another photo."""
    a, b = SMALL[0, 0], SMALL[1, 0].copy()
    first = [float(alex(a, b, fed)) for fed in ("lpips", "icolorit")]
    assert [float(alex(a, b, fed)) for fed in ("lpips", "icolorit")] == first
    fresh = Lpips("alex")
    assert [float(fresh(a, b, fed)) for fed in ("icolorit", "lpips")] == first[::-1]
    b[:] = SMALL[1, 1]
    assert float(alex(a, b)) == float(Lpips("alex")(a, SMALL[1, 1])) != first[0]


def test_the_cache_of_torch_is_read(nowhere, alex, shared_dir, monkeypatch):
    state = load_file(shared_dir / "lpips" / NETWORKS["alex"].features)
    whole = {**state, "classifier.6.bias": torch.zeros(1000)}  # as torchvision's has it
    torch.save(whole, nowhere / NETWORKS["alex"].download)
    monkeypatch.delenv("COLORLIB_LPIPS")
    assert why_not_lpips("alex") is None
    assert Lpips("alex")(*SMALL).tolist() == alex(*SMALL).tolist()


def test_the_cache_holds_what_torchvision_downloads():
    from torchvision.models import AlexNet_Weights, VGG16_Weights

    assert AlexNet_Weights.IMAGENET1K_V1.url.endswith("/" + NETWORKS["alex"].download)
    assert VGG16_Weights.IMAGENET1K_V1.url.endswith("/" + NETWORKS["vgg"].download)


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_missing_weights(net, nowhere, monkeypatch, tmp_path):
    def download(*args, **kwargs):
        pytest.fail("nobody asked for a download")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", download)
    reason = why_not_lpips(net)
    assert reason is not None
    assert str(nowhere / NETWORKS[net].download) in reason
    assert f"lpips.LPIPS(net='{net}')" in reason
    assert "COLORLIB_LPIPS" in reason
    monkeypatch.setenv("COLORLIB_LPIPS", str(tmp_path / "no folder"))
    with pytest.raises(ColorlibError, match=r"no folder.*features\.safetensors or .*hub"):
        Lpips(net)


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_as_the_authors_package_computes_it(net, shared_dir, monkeypatch):
    """In both input ranges, with torchvision's weights put into the package's own network."""
    import lpips
    import torchvision

    monkeypatch.setenv("COLORLIB_LPIPS", str(shared_dir / "lpips"))
    name = {"alex": "alexnet", "vgg": "vgg16"}[net]
    with torch.device("meta"):
        network = getattr(torchvision.models, name)(weights=None)
    stored = load_file(shared_dir / "lpips" / NETWORKS[net].features)
    features = {key: value.float() for key, value in stored.items()}
    network.load_state_dict(features, strict=False, assign=True)
    monkeypatch.setattr(lpips.pretrained_networks.tv, name, lambda pretrained: network)
    theirs = lpips.LPIPS(net=net, verbose=False)
    tensors = torch.from_numpy(SMALL).permute(0, 1, 4, 2, 3) / 255
    for fed, normalize in (("icolorit", False), ("lpips", True)):
        with torch.no_grad():
            expected = theirs(*tensors, normalize=normalize).flatten().tolist()
        assert Lpips(net)(*SMALL, fed) == pytest.approx(expected, rel=1e-4)


def test_damaged_weights(nowhere, shared_dir):
    path = nowhere / NETWORKS["alex"].download
    path.write_bytes(b"half a file")
    with pytest.raises(ColorlibError, match=r"alexnet-owt-7be5be79\.pth is damaged"):
        Lpips("alex")
    torch.save({"features.0.weight": torch.zeros(1)}, path)
    with pytest.raises(ColorlibError, match=r"not torchvision's alex: 'features\.0\.bias'"):
        Lpips("alex")
    state = load_file(shared_dir / "lpips" / NETWORKS["alex"].features)
    torch.save({**state, "features.0.bias": torch.zeros(3)}, path)
    with pytest.raises(ColorlibError, match=r"(?s)not torchvision's alex: .*size mismatch"):
        Lpips("alex")


def test_what_cannot_be_measured(alex):
    a, b = SMALL[:, 0]
    with pytest.raises(ColorlibError, match="'squeeze': there are alex, vgg"):
        Lpips("squeeze")
    with pytest.raises(ColorlibError, match="30 x 40: both sides must be 31 or more"):
        alex(a[:30], b[:30])
