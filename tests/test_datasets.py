"""The three test sets in their official layouts, and the fetcher against a local server."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from colorlib import photos
from colorlib.files import DataError, PhotoError
from colorlib.photos import Download, PhotoSet, cub200, fetch, imagenet, oxford102


def put_photo(path: Path, level: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 9), (level, 120, 30)).save(path)


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """Oxford 102 with four photos listed, one of them missing."""
    splits = {"trnid": [[4]], "valid": [[3, 1, 7]], "tstid": np.zeros((1, 0))}
    scipy.io.savemat(tmp_path / "setid.mat", splits)
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


def test_a_set_is_a_sequence_of_photos(flowers: Path) -> None:
    found = oxford102(flowers)
    assert len(found) == 2
    assert [photo.name for photo in found] == ["image_00003", "image_00001"]  # the official order
    assert found[1] == found[-1] == list(found)[1]
    assert isinstance(found[:1], PhotoSet)
    assert found[:1][0] == found[0]
    with pytest.raises(IndexError):
        found[2]
    found.paths[0].write_bytes(b"")
    with pytest.raises(PhotoError, match="image_00003"):
        found[0]


def test_summary_says_found_and_missing(flowers: Path) -> None:
    assert oxford102(flowers).missing == ("jpg/image_00007.jpg",)
    assert oxford102(flowers).summary() == (
        "oxford102 valid: 2 photos found (the official set has 1,020), "
        "1 missing: jpg/image_00007.jpg"
    )
    assert oxford102(flowers, "train").summary().endswith("none missing of those listed")
    assert repr(oxford102(flowers)) == "PhotoSet('oxford102 valid', 2 photos, 1 missing)"


def test_oxford102_errors(flowers: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'dev'.*train, valid, test"):
        oxford102(flowers, "dev")
    with pytest.raises(DataError, match="no photo of this split"):
        oxford102(flowers, "test")
    with pytest.raises(DataError, match=r"no .*setid\.mat.*fetch"):
        oxford102(tmp_path / "nowhere")
    for path in (flowers / "jpg").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"none of its 3 photos.*image_00003\.jpg"):
        oxford102(flowers)
    (flowers / "setid.mat").write_bytes(b"no MATLAB file")
    with pytest.raises(DataError, match=r"cannot read .*setid\.mat"):
        oxford102(flowers)


def test_cub200(birds: Path) -> None:
    for root in (birds, birds / "CUB_200_2011"):
        assert [photo.name for photo in cub200(root)] == ["A_1", "B_1"]
        assert [photo.name for photo in cub200(root, split="train")] == ["A 2"]
    folder = birds / "CUB_200_2011"
    (folder / "images/002.Auklet/B_1.jpg").unlink()
    assert cub200(birds).missing == ("images/002.Auklet/B_1.jpg",)
    (folder / "train_test_split.txt").write_text("1 0\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"lists 3 photos and train_test_split\.txt 1"):
        cub200(birds)
    (folder / "train_test_split.txt").write_text("1\n", encoding="utf-8")
    with pytest.raises(DataError, match="a number and a value"):
        cub200(birds)
    (folder / "train_test_split.txt").unlink()
    with pytest.raises(DataError, match=r"no .*train_test_split\.txt"):
        cub200(birds)


@pytest.mark.parametrize("layout", ["val", ".", "ILSVRC/Data/CLS-LOC/val", "val/n01440764"])
def test_imagenet_layouts(layout: str, tmp_path: Path) -> None:
    for number in (2, 1):
        put_photo(tmp_path / layout / f"ILSVRC2012_val_{number:08d}.JPEG")
    (tmp_path / layout / "notes.txt").write_text("not a photo", encoding="utf-8")
    names = [f"ILSVRC2012_val_{number:08d}" for number in (1, 2)]
    assert [photo.name for photo in imagenet(tmp_path)] == names
    listing = tmp_path / "ctest10k.txt"
    listing.write_text(f"{names[1]}.JPEG\r\nILSVRC2012_val_00000009.JPEG\r\n", encoding="utf-8")
    listed = imagenet(tmp_path, listing)
    assert [photo.name for photo in listed] == names[1:]
    assert listed.missing == ("ILSVRC2012_val_00000009.JPEG",)
    assert listed.name == "imagenet ctest10k"


def test_imagenet_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected val/\*\.JPEG.*register at image-net"):
        imagenet(tmp_path)
    put_photo(tmp_path / "a.JPEG")
    with pytest.raises(DataError, match="one photo name a line"):
        imagenet(tmp_path, tmp_path / "nowhere.txt")
    listing = tmp_path / "list.txt"
    listing.write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match="lists no photo"):
        imagenet(tmp_path, listing)
    listing.write_text("b.JPEG", encoding="utf-8")
    with pytest.raises(DataError, match="none of the 1 photos"):
        imagenet(tmp_path, listing)


def test_the_stand_ins_beside_the_clone(shared_dir: Path) -> None:
    """The counts are those of the folder's own README."""
    folder = shared_dir / "datasets" / "eval"
    for found, count in (
        (photos.oxford102(folder / "oxford17"), 370),
        (photos.cub200(folder / "cub200"), 370),
        (photos.imagenet(folder / "imagenet"), 400),
    ):
        assert len(found) == count
        assert not found.missing
        assert min(found[0].shape) == 256
    with pytest.raises(DataError, match="none of its 1020 photos"):  # the lists without photos
        photos.oxford102(folder / "oxford102")


# ---- fetching


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder, and the address under which a server on this machine serves it."""
    folder = tmp_path_factory.mktemp("served")
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{http.server_address[1]}/"
        http.shutdown()
        thread.join()


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def offer(
    server: tuple[Path, str],
    monkeypatch: pytest.MonkeyPatch,
    md5: str | None = None,
    **files: bytes,
) -> None:
    """Serve files as the parts of oxford102; a .tgz gives the folder jpg."""
    folder, address = server
    downloads = []
    for name, content in files.items():
        file = name.replace("_tgz", ".tgz").replace("_mat", ".mat")
        (folder / file).write_bytes(content)
        gives = "jpg" if file.endswith(".tgz") else file
        downloads.append(Download(address + file, md5 or hashlib.md5(content).hexdigest(), gives))
    monkeypatch.setitem(photos.DOWNLOADS, "oxford102", tuple(downloads))


def test_fetch_puts_the_layout_in_place(
    server: tuple[Path, str], flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = (flowers / "jpg/image_00001.jpg").read_bytes()
    listing = (flowers / "setid.mat").read_bytes()
    flowers_tgz = archive(**{"jpg/image_00001.jpg": photo, "jpg/image_00003.jpg": photo})
    offer(server, monkeypatch, setid_mat=listing, flowers_tgz=flowers_tgz)
    root = tmp_path / "new" / "oxford102"
    assert fetch("oxford102", root) == root
    assert [item.name for item in oxford102(root)] == ["image_00003", "image_00001"]
    assert sorted(item.name for item in root.iterdir()) == ["jpg", "setid.mat"]
    # What is there is kept: with the server's files gone a second call still succeeds.
    for path in server[0].iterdir():
        path.unlink()
    assert fetch("oxford102", root) == root


@pytest.mark.parametrize(
    ("content", "md5", "message"),
    [
        (archive(**{"jpg/a.jpg": b"1"}), "0" * 32, r"MD5 is [0-9a-f]{32}, expected 0{32}"),
        (archive(**{"../evil.jpg": b"1"}), None, "cannot put oxford102"),
        (archive(**{"png/a.png": b"1"}), None, "no folder jpg"),
        (b"no archive", None, "cannot put oxford102"),
        (archive(**{"jpg/a.jpg": bytes(range(256)) * 999})[:-40], None, "cannot put oxford102"),
    ],
    ids=["checksum", "outside", "other folder", "no archive", "cut short"],
)
def test_fetch_leaves_nothing_half_done(
    content: bytes,
    md5: str | None,
    message: str,
    server: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offer(server, monkeypatch, md5, flowers_tgz=content)
    root = tmp_path / "deep" / "root"
    with pytest.raises(DataError, match=message):
        fetch("oxford102", root)
    assert not list(root.iterdir())
    assert not list(tmp_path.rglob("evil*"))


def test_fetch_says_what_failed(
    server: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = server
    offer(server, monkeypatch, setid_mat=b"x")
    (folder / "setid.mat").unlink()
    with pytest.raises(DataError, match=r"cannot fetch oxford102.*404"):
        fetch("oxford102", tmp_path)
    gone = Download("http://127.0.0.1:9/setid.mat", "0" * 32, "setid.mat")  # port 9: no one there
    monkeypatch.setitem(photos.DOWNLOADS, "oxford102", (gone,))
    with pytest.raises(DataError, match="is there a network"):
        fetch("oxford102", tmp_path)
    with pytest.raises(DataError, match="register at image-net"):
        fetch("imagenet", tmp_path)
    with pytest.raises(DataError, match=r"'coco'.*oxford102, cub200"):
        fetch("coco", tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_published_checksums() -> None:
    """As torchvision records them for Flowers102; CUB's is on its page at Caltech."""
    from torchvision.datasets import Flowers102

    ours = {item.url.rsplit("/", 1)[-1]: item.md5 for item in photos.DOWNLOADS["oxford102"]}
    assert ours == dict(Flowers102._file_dict.values())
    assert [item.md5 for item in photos.DOWNLOADS["cub200"]] == ["97eceeb196236b17998738112f37df78"]
