"""The three test sets in their official layouts, and the fetcher against a local server."""

import hashlib
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import scipy.io
from PIL import Image

from colorlib import photos
from colorlib.files import ColorlibError, PhotoError
from colorlib.photos import cub200, fetch, imagenet, oxford102


def put_photo(path: Path, level: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 9), (level, 120, 30)).save(path)


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """Oxford 102 with three photos listed, one of them missing."""
    scipy.io.savemat(tmp_path / "setid.mat", {"trnid": [[4]], "valid": [[3, 1, 7]]})
    for number in (1, 3, 4):
        put_photo(tmp_path / f"jpg/image_{number:05d}.jpg", number)
    return tmp_path


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    folder = tmp_path / "CUB_200_2011"
    names = ["001.Albatross/A_1.jpg", "001.Albatross/A 2.jpg", "002.Auklet/B_1.jpg"]
    for name in names:
        put_photo(folder / "images" / name)
    listing = "".join(f"{number} {name}\n" for number, name in enumerate(names, 1))
    (folder / "images.txt").write_text(listing, encoding="utf-8")
    (folder / "train_test_split.txt").write_text("1 0\n2 1\n3 0\n", encoding="utf-8")
    return tmp_path


# ---- a set of photos


def test_a_set_opens_its_photos_in_the_official_order(flowers):
    found = oxford102(flowers)
    assert len(found) == 2
    assert [photo.name for photo in found] == ["image_00003", "image_00001"]
    assert found[1] == found[-1] == list(found)[1]
    assert found.missing == ("jpg/image_00007.jpg",)
    assert repr(found) == "PhotoSet('oxford102 valid', 2 photos, 1 missing)"
    with pytest.raises(IndexError):
        found[2]
    found.paths[0].write_bytes(b"")
    with pytest.raises(PhotoError, match="image_00003"):
        found[0]


def test_oxford102_errors(flowers, tmp_path):
    with pytest.raises(ColorlibError, match=r"No such file.*setid\.mat.*fetch"):
        oxford102(tmp_path / "nowhere")
    for path in (flowers / "jpg").iterdir():
        path.unlink()
    with pytest.raises(ColorlibError, match=r"none of its 3 photos.*image_00003\.jpg"):
        oxford102(flowers)
    (flowers / "setid.mat").write_bytes(b"no MATLAB file")
    with pytest.raises(ColorlibError, match=r"cannot read .*setid\.mat"):
        oxford102(flowers)


def test_cub200(birds):
    for root in (birds, birds / "CUB_200_2011"):
        assert [photo.name for photo in cub200(root)] == ["A_1", "B_1"]
    folder = birds / "CUB_200_2011"
    (folder / "images/002.Auklet/B_1.jpg").unlink()
    assert cub200(birds).missing == ("images/002.Auklet/B_1.jpg",)
    for flags in ("1 0\n", "1\n"):
        (folder / "train_test_split.txt").write_text(flags, encoding="utf-8")
        with pytest.raises(ColorlibError, match="cannot read the lists of cub200"):
            cub200(birds)
    (folder / "train_test_split.txt").unlink()
    with pytest.raises(ColorlibError, match=r"train_test_split\.txt: No such file.*fetch"):
        cub200(birds)


@pytest.mark.parametrize("layout", ["val", ".", "ILSVRC/Data/CLS-LOC/val", "val/n01440764"])
def test_imagenet_layouts(layout, tmp_path):
    for number in (2, 1):
        put_photo(tmp_path / layout / f"ILSVRC2012_val_{number:08d}.JPEG")
    (tmp_path / layout / "notes.txt").write_text("not a photo", encoding="utf-8")
    names = [f"ILSVRC2012_val_{number:08d}" for number in (1, 2)]
    assert [photo.name for photo in imagenet(tmp_path)] == names
    listing = tmp_path / "ctest10k.txt"
    # A label behind the name, and a photo that is listed twice.
    lines = [f"{names[1]}.JPEG 232", "ILSVRC2012_val_00000009.JPEG 7", f"{names[1]}.JPEG 232"]
    listing.write_text("\r\n".join(lines), encoding="utf-8")
    listed = imagenet(tmp_path, listing)
    assert [photo.name for photo in listed] == names[1:]
    assert listed.missing == ("ILSVRC2012_val_00000009.JPEG",)
    assert listed.name == "imagenet ctest10k"


def test_imagenet_errors(tmp_path):
    with pytest.raises(ColorlibError, match=r"expected val/\*\.JPEG.*Register at image-net"):
        imagenet(tmp_path)
    put_photo(tmp_path / "a.JPEG")
    (tmp_path / "list.txt").write_text("b.JPEG", encoding="utf-8")
    for name, message in (("nowhere", "No such file"), ("list", "none of its 1 photos")):
        with pytest.raises(ColorlibError, match=message):
            imagenet(tmp_path, tmp_path / f"{name}.txt")


# ---- fetching


@pytest.fixture
def offer(tmp_path_factory, monkeypatch):
    """Serves files as the parts of oxford102, a .tgz for the folder jpg; returns their folder."""
    folder = tmp_path_factory.mktemp("served")

    def offer(files: dict[str, bytes], md5: str = "") -> Path:
        downloads = []
        for name, content in files.items():
            (folder / name).write_bytes(content)
            result = "jpg" if name.endswith(".tgz") else name
            known = md5 or hashlib.md5(content).hexdigest()
            downloads.append((f"http://127.0.0.1:{http.server_port}/{name}", known, result))
        monkeypatch.setitem(photos.DOWNLOADS, "oxford102", tuple(downloads))
        return folder

    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield offer
        http.shutdown()


def test_fetch_puts_the_layout_in_place(offer, flowers, tmp_path):
    packed = shutil.make_archive(str(tmp_path / "packed"), "gztar", flowers, "jpg")
    listing = (flowers / "setid.mat").read_bytes()
    folder = offer({"setid.mat": listing, "102flowers.tgz": Path(packed).read_bytes()})
    root = tmp_path / "new" / "oxford102"
    assert fetch("oxford102", root) == root
    assert [item.name for item in oxford102(root)] == ["image_00003", "image_00001"]
    assert sorted(item.name for item in root.iterdir()) == ["jpg", "setid.mat"]
    # What is there is kept: with the server's files gone a second call still succeeds.
    for path in folder.iterdir():
        path.unlink()
    assert fetch("oxford102", root) == root


def test_fetch_says_what_failed_and_leaves_nothing(offer, tmp_path):
    offer({"102flowers.tgz": b"x"}, md5="0" * 32)
    with pytest.raises(ColorlibError, match=r"cannot fetch oxford102 into.*corrupted"):
        fetch("oxford102", tmp_path / "deep" / "root")
    (offer({"setid.mat": b"x"}) / "setid.mat").unlink()
    with pytest.raises(ColorlibError, match=r"cannot fetch oxford102.*404"):
        fetch("oxford102", tmp_path / "deep" / "root")
    assert not list((tmp_path / "deep" / "root").iterdir())
    with pytest.raises(ColorlibError, match="register at image-net"):
        fetch("imagenet", tmp_path)
    with pytest.raises(ColorlibError, match=r"'coco'.*oxford102, cub200"):
        fetch("coco", tmp_path)


def test_the_published_checksums():
    """As torchvision records them for Flowers102; CUB's is on its page at Caltech."""
    from torchvision.datasets import Flowers102

    known = dict(Flowers102._file_dict.values())
    for url, md5, _ in photos.DOWNLOADS["oxford102"]:
        assert known[url.rsplit("/", 1)[-1]] == md5
    assert [md5 for _, md5, _ in photos.DOWNLOADS["cub200"]] == ["97eceeb196236b17998738112f37df78"]
