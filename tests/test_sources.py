"""A card's files are found wherever they are, and only if they are the right ones."""

import hashlib
import importlib.metadata
from pathlib import Path

import pytest
from readings import golden, said, written

from lowres.data.files import File, PackageFile, fetch, manifest_sha256, matching
from lowres.hashing import known_sha256


def test_a_mirror_is_searched_by_content(here: Path) -> None:
    (here / "mirror/deep").mkdir(parents=True)
    written(here, "mirror/train.csv", "something else")
    other = written(here, "mirror/deep/renamed.bin", "text\nbana\n")
    file = File("card:x/train.csv", hashlib.sha256(b"text\nbana\n").hexdigest(), "https://localhost/x/train.csv")
    found = fetch(file, here / "cache", [here / "mirror"], offline=True)
    assert found.read_bytes() == b"text\nbana\n"
    assert found.name == "train.csv"
    other.unlink()
    assert fetch(file, here / "cache", offline=True) == found


def test_a_damaged_cache_is_not_believed(here: Path) -> None:
    (here / "mirror").mkdir()
    written(here, "mirror/train.csv", "text\nbana\n")
    file = File("card:train.csv", hashlib.sha256(b"text\nbana\n").hexdigest(), "https://localhost/train.csv")
    found = fetch(file, here / "cache", [here / "mirror"], offline=True)
    found.write_bytes(b"text\nbuna\n")
    assert fetch(file, here / "cache", [here / "mirror"], offline=True).read_bytes() == b"text\nbana\n"


def test_a_missing_file_says_what_was_tried(here: Path) -> None:
    (here / "mirror").mkdir()
    file = File("card:train.csv", "ab" * 32, "https://localhost/train.csv")
    assert said(lambda: fetch(file, here / "cache", [here / "mirror"], offline=True)) == golden("not-found")


@pytest.mark.parametrize("path", ["pytest/__init__.py", "pytest/*.py"])
def test_installed_packages(here: Path, path: str) -> None:
    package = importlib.metadata.distribution("pytest")
    root = Path(str(package.locate_file("")))
    sha256 = manifest_sha256(matching(root, path)) if "*" in path else known_sha256(root / path)
    found = fetch(File("card:x", sha256, PackageFile("pytest", package.version, path)), here / "cache", offline=True)
    assert found == (root if "*" in path else root / path)
    for version, name in (("0.0.1", "pytest"), ("1", "no-such-package")):
        message = said(lambda: fetch(File("card:x", sha256, PackageFile(name, version, path)), here / "cache"))  # noqa: B023
        assert f'pip install "{name}=={version}"' in message
    assert "not found; tried" in said(
        lambda: fetch(File("card:x", "ab" * 32, PackageFile("pytest", package.version, "pytest/*.py")), here)
    )
