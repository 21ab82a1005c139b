"""From files to rows: nothing is lost, nothing leaks, and every fault names its place."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest
from readings import corpus, files, golden, needs_mirror, said, written

from lowres.cards import read_card
from lowres.data.corpus import SPLITS
from lowres.data.files import card_file, fetch
from lowres.data.rows import Cut
from lowres.errors import CardError, DataError
from lowres.hashing import known_sha256
from lowres.recipe.data_section import CardData, Columns
from lowres.recipe.task_section import Classification

TRAIN = "text\tlabel\nrancak bana\tpositive\nburuak bana\tnegative\nlamak\tpositive\nindak lamak\tnegative\n"
DEV = "text\tlabel\nelok\tpositive\njaek\tnegative\n"
TEST = "text\tlabel\nsanang\tpositive\nberang\tnegative\n"


# Rows, splits and labels


def test_files_to_corpus(here: Path) -> None:
    read = corpus(files(here, train=TRAIN + "\n\tpositive\n", dev=DEV, test=TEST), here)
    assert [len(read.train), len(read.dev), len(read.test)] == [4, 2, 2]
    assert read.labels == ("negative", "positive")
    assert read.train[0].fields == {"text": "rancak bana", "label": "positive"}
    assert {row.language for row in read.rows()} == {"min-Latn"}
    train = read.files[0]
    assert (train.name, train.read, train.empty, train.outside, train.kept) == ("train.tsv", 6, 2, 0, 4)
    assert train.sha256 == hashlib.sha256((TRAIN + "\n\tpositive\n").encode()).hexdigest()


def test_labels_keep_the_order_of_the_recipe(here: Path) -> None:
    task = Classification(kind="classification", labels=("positive", "negative"))
    assert corpus(files(here, train=TRAIN, dev=DEV, test=TEST), here, task).labels == ("positive", "negative")


def test_invisible_signs_in_labels_are_mended(here: Path) -> None:
    dirty = TEST.replace("positive", " posi\u00adtive\u200b").replace("negative", "nega\u2060tive")
    assert {row.fields["label"] for row in corpus(files(here, train=TRAIN, dev=DEV, test=dirty), here).test} == {
        "positive",
        "negative",
    }


LABELS: dict[str, tuple[tuple[str, ...] | None, dict[str, str]]] = {
    "label-unknown": (
        ("negative", "positive"),
        {"train": TRAIN + "alah\tpostive\nbukan\tNegative\nentah\tx\nyo\tpostive\nkosong\t\n"},
    ),
    "label-not-in-train": (None, {"test": TEST + "biaso\tneutral\n"}),
    "label-declared-only": (("negative", "neutral", "positive"), {}),
    "label-capitals": (None, {"train": TRAIN + "alah\tPositive\n"}),
    "label-only-one": (None, dict.fromkeys(("train", "dev", "test"), "text\tlabel\nsatu\tp\n")),
    "label-column": (None, {"dev": "text\tlable\nelok\tpositive\n"}),
    "split-empty": (None, {"test": "text\tlabel\n"}),
}


@pytest.mark.parametrize("fault", LABELS)
def test_faulty_labels(here: Path, fault: str) -> None:
    labels, contents = LABELS[fault]
    data = files(here, None, None, **{"train": TRAIN, "dev": DEV, "test": TEST} | contents)
    assert said(lambda: corpus(data, here, Classification(kind="classification", labels=labels))) == golden(fault)


def test_many_problems_are_capped(here: Path) -> None:
    strangers = "".join(f"kato {number}\tlabel {number}\n" for number in range(33))
    task = Classification(kind="classification", labels=("negative", "positive"))
    message = said(lambda: corpus(files(here, train=TRAIN + strangers, dev=DEV, test=TEST), here, task))
    assert message.count("unknown label") == 20
    assert message.endswith("\nand 13 more like these\n")


def test_ids_stand_once(here: Path) -> None:
    data = files(
        here,
        columns=Columns(id="id"),
        train="id\ttext\tlabel\n1\ta\tp\n2\tb\tn\n1\tc\tp\n",
        dev="id\ttext\tlabel\n1\td\tp\n",
        test="id\ttext\tlabel\n1\te\tn\n",
    )
    assert said(lambda: corpus(data, here)) == golden("id-twice")


def test_equal_ids_of_two_splits_promise_nothing(here: Path) -> None:
    one = "id\ttext\tlabel\n1\t{}\tp\n2\t{}\tn\n"
    read = corpus(
        files(
            here,
            columns=Columns(id="id"),
            train=one.format("a", "b"),
            dev=one.format("c", "d"),
            test=one.format("e", "f"),
        ),
        here,
    )
    assert len({row.cluster for row in read.rows()}) == 6


def test_a_wrong_language_is_refused(here: Path) -> None:
    task = Classification(kind="classification", language="jav-Latn")
    assert said(lambda: corpus(files(here, train=TRAIN, dev=DEV, test=TEST), here, task)) == golden("language")


def test_missing_splits_are_cut_from_train(here: Path) -> None:
    rows = "".join(f"kato {number}\t{'pn'[number % 2]}\n" for number in range(400))
    shouted = rows.replace("kato", "KATO")
    read = corpus(files(here, train="text\tlabel\n" + rows + shouted), here)
    again = corpus(files(here, train="text\tlabel\n" + rows), here)
    assert 280 < len(again.train) < 350
    assert 20 < len(again.dev) < 60
    assert 20 < len(again.test) < 60
    assert {row.fields["text"] for row in again.test} <= {row.fields["text"] for row in read.test}
    folded = {split: {row.fields["text"].casefold() for row in read.split(split)} for split in SPLITS}
    assert not folded["train"] & folded["test"]
    assert not folded["train"] & folded["dev"]
    assert not folded["dev"] & folded["test"]
    assert any(finding.what.startswith("no dev and no test file: a tenth of train") for finding in read.findings)


def test_a_cut_is_even_and_stays_the_same() -> None:
    cut = Cut("source", 80, 10)
    counts = Counter(cut.split(f"message {number}") for number in range(10_000))
    assert abs(counts["train"] - 8000) < 200
    assert abs(counts["dev"] - 1000) < 150
    assert [cut.split(word) for word in ("Yes", "No", "Delete", "Monday")] == ["train", "train", "dev", "train"]


def test_limit_is_chosen_by_the_seed(here: Path) -> None:
    rows = "text\tlabel\n" + "".join(f"kato {number}\t{'pn'[number % 2]}\n" for number in range(100))
    dev, test = "text\tlabel\na\tp\nb\tn\n", "text\tlabel\nc\tp\nd\tn\n"
    chosen = [
        corpus(files(here, limit=20, train=rows, dev=dev, test=test), here, seed=seed).train for seed in (1, 1, 2)
    ]
    assert [len(rows) for rows in chosen] == [20, 20, 20]
    assert chosen[0] == chosen[1] != chosen[2]
    assert [int(row.id) for row in chosen[0]] == sorted(int(row.id) for row in chosen[0])


# Findings


def findings(here: Path, **contents: str) -> list[str]:
    return [
        finding.what
        for finding in corpus(
            files(here, None, None, **{"train": TRAIN, "dev": DEV, "test": TEST} | contents), here
        ).findings
    ]


def test_clean_data_have_no_findings(here: Path) -> None:
    assert findings(here) == []


def test_leaks_are_found(here: Path) -> None:
    assert findings(here, test=TEST + "  “Rancak,  BANA!”\tpositive\n") == [
        "1 test text is in train too, of 3 (test.tsv:4 and train.tsv:2): scores on test may be too high; "
        "“contaminated: leave-out” in the recipe's data section takes such rows out"
    ]


def test_leaks_of_published_splits_are_left_out_where_the_recipe_says_so(here: Path) -> None:
    """A test text in train goes from train, a dev text in test from dev; capitals and punctuation do not hide them."""
    leak, other = "  “Rancak,  BANA!”\tpositive\n", "Nyaman\tpositive\n"
    data = files(here, train=TRAIN, dev=DEV + other, test=TEST + leak + other.upper().replace("POSITIVE", "positive"))
    kept = corpus(data, here)
    clean = corpus(data.model_copy(update={"contaminated": "leave-out"}), here)
    assert {row.fields["text"] for row in kept.train} - {row.fields["text"] for row in clean.train} == {"rancak bana"}
    assert [row.fields["text"] for row in kept.dev if row not in clean.dev] == ["Nyaman"]
    assert clean.test == kept.test
    assert [finding.what for finding in clean.findings] == ["rows left out: 2 whose text is in a later split"]


def test_a_damage_of_several_files_is_told_once_with_its_first_place(here: Path) -> None:
    split = "text\tlabel\nelok &amp; {}\tpositive\njaek {}\tnegative\n"
    data = files(here, **{name: split.format(name, name) for name in ("train", "dev", "test")})
    told = [finding.told for finding in corpus(data, here).findings]
    assert told == [
        "3 texts in the column “text” hold HTML entities such as “&amp;”; replace them by the characters they mean (train.tsv:2)"
    ]


def test_duplicates_and_contradictions_are_found(here: Path) -> None:
    assert findings(here, train=TRAIN + "Rancak bana.\tpositive\nLAMAK\tnegative\n") == [
        "1 row repeats a text under another label (train.tsv:7 “negative”, train.tsv:4 “positive”)",
        "2 train rows repeat an earlier text of train (train.tsv:6 and train.tsv:2)",
    ]


def test_imbalance_and_drift_are_found(here: Path) -> None:
    train = TRAIN + "".join(f"kato {number}\tpositive\n" for number in range(60))
    dev = DEV + "".join(f"lain {number}\tnegative\n" for number in range(40))
    assert findings(here, train=train, dev=dev) == [
        "train has 62 rows of “positive” but 2 of “negative”: accuracy will look better than the classifier is, read macro-F1",
        "labels are spread differently in dev: “negative” is 3% of train but 98% of dev",
    ]


def test_long_texts_and_odd_line_breaks_are_found(here: Path) -> None:
    assert findings(here, dev=DEV + "panjang " * 300 + "\tpositive\nduo\u2028baris\tpositive\n") == [
        "1 text has more than 2,000 characters; the longest has 2,399 (dev.tsv:4)",
        "1 text holds a character that other programs take for the end of a line (dev.tsv:5)",
    ]


# Cards


def parallel_card(here: Path, jav_test: str = "3\tsemar\tp\n") -> None:
    """A card of two subsets with parallel rows, in a folder beside it."""
    head = "id\ttext\tlabel\n"
    contents = {
        "min/train": "1\trancak\tp\n2\tburuak\tn\n", "min/dev": "4\telok\tp\n", "min/test": "3\tsanang\tp\n",
        "jav/train": "1\tapik\tp\n2\tala\tn\n", "jav/dev": "4\tsae\tp\n", "jav/test": jav_test,
    }  # fmt: skip
    lines = []
    for subset in ("min", "jav"):
        lines.append(f"    {subset}:\n      language: {subset}-Latn\n      files:")
        (here / "data" / subset).mkdir(parents=True)
        for split in ("train", "dev", "test"):
            path = written(here / "data", f"{subset}/{split}.tsv", head + contents[f"{subset}/{split}"])
            lines.append(f"        {split}: {{path: {subset}/{split}.tsv, sha256: {known_sha256(path.absolute())}}}")
    text = """\
---
pretty_name: Two
language: [min, jav]
license: cc0-1.0
task_categories: [text-classification]
lowres:
  homepage: https://example.org
  citation: none
  provenance: written for this test
  consent: given
  contact: nobody@example.org
  redistribute: yes
  known_problems: []
  labels: [p, n]
  columns: {id: id, cluster: id}
  format: tsv
  source: {folder: data}
  subsets:
%s
---
Two languages.
"""
    written(here, "two.md", text % "\n".join(lines))


def test_a_card_of_two_subsets(here: Path) -> None:
    parallel_card(here)
    read = corpus(CardData(card="two"), here)
    assert (read.name, read.licence, read.labels, read.languages) == (
        "two",
        "CC0-1.0",
        ("p", "n"),
        ("min-Latn", "jav-Latn"),
    )
    assert [row.id for row in read.train] == ["min/1", "min/2", "jav/1", "jav/2"]
    assert [row.cluster for row in read.train] == ["1", "2", "1", "2"]
    assert corpus(CardData(card="two", subset="jav"), here).name == "two (jav)"


def test_language_and_subset_can_be_labels(here: Path) -> None:
    parallel_card(here)
    for column, labels in (("language", ("jav-Latn", "min-Latn")), ("subset", ("jav", "min"))):
        assert corpus(CardData(card="two", columns=Columns(label=column)), here).labels == labels


def test_translations_must_be_in_one_split(here: Path) -> None:
    parallel_card(here, jav_test="1\tapik tenan\tp\n")
    assert said(lambda: corpus(CardData(card="two"), here)) == golden("group-crosses")


def test_an_unknown_subset_is_refused(here: Path) -> None:
    parallel_card(here)
    assert said(lambda: corpus(CardData(card="two", subset=("min", "jav-Latn", "mim")), here)) == golden("subset")


def test_an_altered_file_is_refused(here: Path) -> None:
    parallel_card(here)
    with (here / "data/min/train.tsv").open("a") as file:
        file.write("5\ttambah\tp\n")
    message = said(lambda: corpus(CardData(card="two"), here))
    assert message.startswith("two:min/train.tsv  data/min/train.tsv is not the file that the card means: sha256 ")


# The shipped cards, for real


@needs_mirror
def test_nusax(tmp_path: Path) -> None:
    read = corpus(CardData(card="nusax-sentiment"), tmp_path)
    assert len(read.languages) == 12
    for split, rows in zip(SPLITS, (500, 100, 400), strict=True):
        assert set(Counter(row.language for row in read.split(split)).values()) == {rows}
        assert len({row.cluster for row in read.split(split)}) == rows
    labels: dict[str, set[str]] = {}
    for row in read.rows():
        labels.setdefault(row.cluster, set()).add(row.fields["label"])
    assert all(len(found) == 1 for found in labels.values())
    assert (read.labels, read.licence) == (("negative", "neutral", "positive"), "CC-BY-SA-4.0")
    assert sum(count.kept for count in read.files) == 12_000


@needs_mirror
def test_a_limit_keeps_nusax_parallel(tmp_path: Path) -> None:
    read = corpus(CardData(card="nusax-sentiment", subset=("min", "jav"), limit=50), tmp_path)
    clusters = [[row.cluster for row in read.train if row.language == tag] for tag in ("min-Latn", "jav-Latn")]
    assert len(clusters[0]) == 50
    assert clusters[0] == clusters[1]


SORBIAN = CardData(card="django-messages", subset=("hsb", "dsb", "cs", "sk", "pl"))


def test_django_messages(tmp_path: Path) -> None:
    pytest.importorskip("django", reason="Django is not installed: pip install lowres[messages]")
    read = corpus(SORBIAN, tmp_path)
    assert read.labels == ("ces-Latn", "dsb-Latn", "hsb-Latn", "pol-Latn", "slk-Latn")
    assert [len(read.train), len(read.dev), len(read.test)] == [3252, 412, 477]
    placed = {row.cluster: split for split in SPLITS for row in read.split(split)}
    assert all(placed[row.cluster] == split for split in SPLITS for row in read.split(split))
    # what differs by more than capitals, spacing and the end of the sentence stays, and is told
    assert any("11 test texts are in train too" in finding.what for finding in read.findings)
    texts = {(row.language, row.fields["text"]) for row in read.rows()}
    assert ("hsb-Latn", "Bołharšćina") in texts
    assert ("dsb-Latn", "%(name)s njedajo se lašowaś") in texts
    assert all(count.read == count.kept + count.empty + count.outside for count in read.files)


def test_every_catalogue_of_the_django_card_is_as_it_says(tmp_path: Path) -> None:
    pytest.importorskip("django", reason="Django is not installed: pip install lowres[messages]")
    card = read_card("django-messages", tmp_path)
    assert len(card.lowres.subsets) == 97
    for subset in card.lowres.subsets.values():
        fetch(card_file(card, subset.files["all"]), tmp_path, offline=True)


def test_english_is_its_own_translation(tmp_path: Path) -> None:
    pytest.importorskip("django", reason="Django is not installed: pip install lowres[messages]")
    read = corpus(CardData(card="django-messages", subset=("en", "de")), tmp_path)
    assert "Delete" in {row.fields["text"] for row in read.rows() if row.language == "eng-Latn"}
    assert sum(row.language == "eng-Latn" for row in read.rows()) > 800


def test_errors_are_of_their_kind(here: Path) -> None:
    with pytest.raises(CardError):
        corpus(CardData(card="no-such-card"), here)
    with pytest.raises(DataError):
        corpus(files(here, train=TRAIN, dev=DEV, test="text\n"), here)
