"""What is odd about the pairs of a corpus, told before anyone trains on them."""

from pathlib import Path
from typing import Any

import pytest

from lowres.data.corpus import Corpus
from lowres.data.reading import read_corpus
from lowres.errors import DataError
from lowres.places import Places
from lowres.recipe.data_section import FileData
from lowres.recipe.task_section import Translation

TRAIN = ["one hen\tciek ayam", "two hens\tduo ayam", "three hens\ttigo ayam"]


def read(
    folder: Path, train: list[str], target: Any = "min-Latn", test: str = "a goat\tkambiang", **files: list[str]
) -> Corpus:
    """Tables of English and Minangkabau; `files` are further languages of the test split, line by line."""
    for split, rows in (("train", train), ("dev", ["a duck\titiak"]), ("test", [test])):
        text = "\n".join(["source\ttarget", *rows])
        (folder / f"{split}.tsv").write_text(f"{text}\n", encoding="utf-8")
    names = {split: f"{split}.tsv" for split in ("train", "dev", "test")}
    data = FileData.model_validate({"files": names, "licence": "private", "source": "written for this test"})
    task = Translation(kind="translation", source="eng-Latn", target=target)
    return read_corpus(data, task, Places(folder, folder / "cache", offline=True), seed=13)


def told(found: Corpus, words: str) -> list[str]:
    return [finding.what for finding in found.findings if words in finding.what]


def test_clean_pairs_have_no_findings(tmp_path: Path) -> None:
    assert read(tmp_path, TRAIN).findings == ()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("Padang Panjang!\tPadang panjang", "1 of 4 train pairs have the same text on both sides (train.tsv:5)"),
        (
            "go home before it rains, and take the goats with you, all three of them\tpulanglah",
            "1 of 4 train pairs have lengths that are more than 3 times off what is usual for their languages",
        ),
        ("come here now\tماري كسيني سكارڠ", "1 text of min-Latn not in the script of the tag (train.tsv:5)"),
        ("Two hens.\tduo ayam", "1 of 4 train pairs repeat an earlier one (train.tsv:5 and train.tsv:3)"),
    ],
)
def test_doubtful_pairs_are_told_with_their_place(tmp_path: Path, row: str, words: str) -> None:
    assert told(read(tmp_path, [*TRAIN, row]), words)
    assert not told(read(tmp_path, TRAIN), "train pairs")


def test_a_text_that_several_pairs_share_is_no_duplicate(tmp_path: Path) -> None:
    found = read(tmp_path, [*TRAIN, "two hens\tayam duo ikua"])
    assert found.findings == ()


def test_a_split_without_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of the 1 test rows translate one another \(eng-Latn→min-Latn\)"):
        read(tmp_path, TRAIN, test="a goat\t")


def aligned(folder: Path, train: str, test: str, source: Any = "all", target: Any = "all") -> Corpus:
    """Files of one line per language; the languages are the letters."""
    tags = {"e": "eng-Latn", "m": "min-Latn", "j": "jav-Latn"}
    files = {}
    for split, letters in (("train", train), ("dev", train), ("test", test)):
        for letter in letters:
            (folder / f"{split}.{letter}.txt").write_text(f"{split} {letter} words\n", encoding="utf-8")
        files[split] = {tags[letter]: f"{split}.{letter}.txt" for letter in letters}
    data = FileData.model_validate({"files": files, "licence": "private", "source": "written for this test"})
    task = Translation(kind="translation", source=source, target=target)
    return read_corpus(data, task, Places(folder, folder / "cache", offline=True), seed=13)


def test_a_direction_that_is_tested_but_never_shown_is_told(tmp_path: Path) -> None:
    found = aligned(tmp_path, "em", "emj", source=("eng-Latn", "jav-Latn"), target="min-Latn")
    assert told(found, "train has no pairs for jav-Latn→min-Latn, but test does")
    assert not told(aligned(tmp_path, "emj", "emj"), "train has no pairs")


def test_languages_that_no_direction_uses_are_left_out(tmp_path: Path) -> None:
    found = aligned(tmp_path, "emj", "emj", source="eng-Latn", target="min-Latn")
    assert found.languages == ("eng-Latn", "min-Latn") and len(found.train) == 2
    assert aligned(tmp_path, "emj", "emj", target="min-Latn").languages == ("eng-Latn", "min-Latn", "jav-Latn")
    with pytest.raises(DataError, match="the recipe says bug-Latn, but the data are in eng-Latn, min-Latn, jav-Latn"):
        aligned(tmp_path, "emj", "emj", target="bug-Latn")
    with pytest.raises(DataError, match="asks for no direction"):
        aligned(tmp_path, "emj", "emj", source="min-Latn", target="min-Latn")
