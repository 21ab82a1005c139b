"""What lowres has built in the cache is used only as it was built: damage of any kind is mended, and nothing half-built stays."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from matrix import tried

from lowres.models.checkpoint import Checkpoint, find_base
from lowres.models.digests import BUILT
from lowres.places import Places
from lowres.starters.starters import STARTERS, is_whole


def bit_flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a bit of the weights": ("model.safetensors", bit_flipped),
    "half of the weights": ("model.safetensors", lambda path: os.truncate(path, path.stat().st_size // 2)),
    "no weights": ("model.safetensors", Path.unlink),
    "an empty config": ("config.json", lambda path: path.write_bytes(b"")),
    "another config": ("config.json", lambda path: path.write_text("{}")),
    "a tokenizer that is gone": ("tokenizer.json", Path.unlink),
    "a file more": ("config.json", lambda path: path.with_name("adapter_config.json").write_text("{}")),
    "no manifest": (BUILT, Path.unlink),
    "a manifest that is cut": (BUILT, lambda path: path.write_text("{")),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """A cache with an encoder-decoder built on the tiny encoder."""
    cache = tmp_path_factory.mktemp("a-cache")
    before = os.umask(0o027)
    try:
        found(cache, tiny_encoder)
    finally:
        os.umask(before)
    return cache


def found(cache: Path, encoder: Path) -> Checkpoint:
    return find_base(str(encoder), None, Places(cache, cache, offline=True), STARTERS, layers=1, decoder=1)


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_was_built_and_damaged_is_built_again(
    damage: str, built: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    cache = Path(shutil.copytree(built, tmp_path / "cache"))
    (folder,) = (path for path in (cache / "translators").iterdir() if path.is_dir())
    digest = found(cache, tiny_encoder).sha256()
    left = folder.with_name(f"building-{folder.name}")
    left.mkdir()  # of a process that was killed
    (left / "model.safetensors").write_bytes(b"half")
    name, damaged = DAMAGES[damage]
    damaged(folder / name)
    with tried("what lowres built in the cache", "built again, the same"):
        assert not is_whole(folder)
        assert found(cache, tiny_encoder).sha256() == digest and is_whole(folder)
        assert [path.name for path in (cache / "translators").iterdir() if path.is_dir()] == [folder.name]


def test_what_is_whole_is_not_built_again_and_has_the_modes_of_the_umask(built: Path, tiny_encoder: Path) -> None:
    (folder,) = (path for path in (built / "translators").iterdir() if path.is_dir())
    before = (folder / "model.safetensors").stat().st_mtime_ns
    found(built, tiny_encoder)
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()} == {0o640}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750
