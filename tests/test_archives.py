"""Packed files and archives: each is read as if it were not packed, and none may swell without end."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest
from readings import said, texts, written
from test_community_formats import TMX, fields, read
from test_linguistic_formats import EAF

from lowres.data.formats.readers import read_file


def archive(**contents: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("folder/", "")
        opened.writestr("__MACOSX/._x", "x")
        for name, content in contents.items():
            opened.writestr(f"folder/{name.replace('_', '.')}", content)
    return out.getvalue()


def test_files_in_archives(here: Path) -> None:
    assert texts(read(here, "one.zip", archive(train_tsv="text\tlabel\nsatu\tp\n"))) == ["satu"]
    whole = written(here, "two.zip", archive(train_en="one\ntwo\n", train_min="ciek\nduo\n"))
    assert texts(read_file(whole / "folder/train.min", "two.zip/folder/train.min")) == ["ciek", "duo"]
    assert said(lambda: read_file(whole, "two.zip")) == (
        "two.zip  holds 2 files: folder/train.en, folder/train.min (name one, such as two.zip/folder/train.en)\n"
    )
    assert "two.zip holds no file folder/train.mim (did you mean “folder/train.min”? it holds" in said(
        lambda: read_file(whole / "folder/train.mim", "two.zip/folder/train.mim")
    )
    assert said(lambda: read(here, "b.zip", b"PK\x03\x04 no")).startswith("b.zip  is not a whole .zip file")


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.tmx", TMX), ("a.po", 'msgid ""\nmsgstr ""\n\nmsgid "One"\nmsgstr "Ciek"\n'), ("a.eaf", EAF)],
)
def test_every_format_may_be_packed(here: Path, name: str, content: str) -> None:
    content = content.replace("ENCODING", "utf-8")
    assert fields(read(here, f"{name}.gz", gzip.compress(content.encode()))) == fields(read(here, name, content))


def test_a_small_archive_that_swells_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lowres.data.formats.file_text.MAX_BYTES", 1 << 16)
    assert "unpacks to more than" in said(lambda: read(here, "a.zip", archive(a_txt="a" * 100_000)))
