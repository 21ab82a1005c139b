"""What stands in dev or test is not learned from: within a source that lowres cuts, and between the sources of a mixture."""

from collections import Counter
from pathlib import Path
from typing import Any

from readings import MIRROR, needs_mirror

from lowres.data.corpus import Corpus, Split
from lowres.data.pairs import directions, pairs
from lowres.data.reading import read_corpus
from lowres.places import Places
from lowres.recipe.data_section import CardData, FileData, Source
from lowres.recipe.task_section import Classification, Task, Translation

TRANSLATE = Translation(kind="translation", source="eng-Latn", target="min-Latn")
TRAIN = ["one hen\tciek ayam", "two hens\tduo ayam", "three hens\ttigo ayam"]


def own(folder: Path, name: str, train: list[str], dev: list[str], test: list[str], **other: Any) -> FileData:
    """A table of pairs for each split that has rows."""
    contents: dict[Split, list[str]] = {"train": train, "dev": dev, "test": test}
    names = {split: f"{name}.{split}.tsv" for split, rows in contents.items() if rows}
    for split, file in names.items():
        text = "\n".join(
            ["source\ttarget\tlabel", *(f"{row}\t{number % 2}" for number, row in enumerate(contents[split]))]
        )
        (folder / file).write_text(f"{text}\n", encoding="utf-8")
    facts = {"files": names, "licence": "private", "source": "written for this test"}
    return FileData.model_validate(facts | other)


def read(folder: Path, *sources: Source, task: Task = TRANSLATE) -> Corpus:
    data = sources if len(sources) > 1 else sources[0]
    mirrors = [Path(MIRROR)] if MIRROR else []
    return read_corpus(data, task, Places(folder, folder / "cache", mirrors, offline=True), seed=13)


def texts(found: Corpus, split: Split, language: str = "eng-Latn") -> set[str]:
    return {row.fields["text"] for row in found.split(split) if row.language == language}


def told(found: Corpus) -> str:
    return next((finding.what for finding in found.findings if finding.what.startswith("rows left out")), "")


HOUSE = "they will come to the old house by the river"  # ten words


def test_training_rows_in_dev_or_test_of_another_source_are_left_out(tmp_path: Path) -> None:
    first = own(tmp_path, "a", TRAIN, ["a duck\titiak"], [f"I heard that {HOUSE}\tinyo ka tibo", "a goat\tkambiang"])
    second = own(tmp_path, "b", [
        "A goat!\tsikua kambiang",  # a text of test
        "ducks\tItiak.",  # a text of dev, on the other side
        f"he said that {HOUSE} tomorrow\tinyo ka datang bisuak",  # eight words of test in a row
        "they will come to the old house\tka rumah lamo",  # only seven
    ], [], [], use=("train",))  # fmt: skip
    found = read(tmp_path, first, second)
    assert texts(found, "train") == {"one hen", "two hens", "three hens", "they will come to the old house"}
    assert "sikua kambiang" not in texts(found, "train", "min-Latn")  # what translates a leak goes with it
    assert told(found) == (
        "rows left out: 1 that share eight words in a row with a later split of other data, 3 that translate one of these, "
        "2 whose text is in a later split"
    )
    assert len(found.test) == 4 and len(found.dev) == 2


def test_dev_rows_in_test_of_another_source_are_left_out(tmp_path: Path) -> None:
    first = own(tmp_path, "a", TRAIN, ["a duck\titiak"], ["a goat\tkambiang"])
    second = own(tmp_path, "b", ["a cow\tjawi"], ["a goat\tkambiang"], ["a horse\tkudo"])
    assert texts(read(tmp_path, first, second), "dev") == {"a duck"}


def test_splits_that_others_made_stay_within_a_source(tmp_path: Path) -> None:
    found = read(tmp_path, own(tmp_path, "a", TRAIN, ["a duck\titiak"], ["two hens\tduo ayam"]))
    assert texts(found, "train") == {"one hen", "two hens", "three hens"} and told(found) == ""
    assert any("2 test texts are in train too" in finding.what for finding in found.findings)


def test_where_lowres_cuts_a_group_goes_with_its_text(tmp_path: Path) -> None:
    # two English sentences for each Minangkabau one
    rows = [f"{number} hens and {animal}\tayam {number}" for number in range(80) for animal in ("ducks", "geese")]
    found = read(tmp_path, own(tmp_path, "a", rows, [], []))
    later = texts(found, "test", "min-Latn") | texts(found, "dev", "min-Latn")
    assert later and not later & texts(found, "train", "min-Latn")
    assert set(Counter(row.cluster for row in found.train).values()) == {2}


def test_a_mixture_for_classification_is_clean_as_well(tmp_path: Path) -> None:
    facts: dict[str, Any] = {"language": "eng-Latn", "columns": {"text": "source"}}
    first = own(tmp_path, "a", TRAIN, ["a duck\tx", "a hen\tx"], ["a goat\tx", "an ox\tx"], **facts)
    second = own(tmp_path, "b", ["A goat.\tx", "a cow\tx"], [], [], use=("train",), **facts)
    found = read(tmp_path, first, second, task=Classification(kind="classification"))
    assert texts(found, "train") == {"one hen", "two hens", "three hens", "a cow"}


@needs_mirror
def test_nusatranslation_gives_dev_and_test_of_nusax_away_no_more(tmp_path: Path) -> None:
    task = Translation(kind="translation", source="ind-Latn", target="min-Latn")
    nusax = CardData(card="nusax-sentiment", subset=("ind", "min"))
    found = read(tmp_path, nusax, CardData(card="nusatranslation", subset="min", use=("train",)), task=task)
    ways = directions(task, found.languages)
    assert [len(pairs(found.split(split), ways)) for split in ("train", "dev", "test")] == [500 + 6600 - 2, 100, 400]


@needs_mirror
def test_subsets_whose_splits_disagree_are_cleaned_together(tmp_path: Path) -> None:
    task = Translation(kind="translation", source="ind-Latn", target="all")
    found = read(tmp_path, CardData(card="nusatranslation", subset=("abs", "mui")), task=task)

    def of(subset: str, split: Split) -> set[str]:
        return {row.fields["text"] for row in found.split(split) if row.id.startswith(f"{subset}/")}

    for one, other in (("abs", "mui"), ("mui", "abs")):
        assert len(of(one, "test")) > 700 and not of(one, "test") & of(other, "train")
    assert "that translate one of these" in told(found)
