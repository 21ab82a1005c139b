"""A label is written in one way, is one label, and is there: else the row is named, with what to do."""

import time
from pathlib import Path

import pytest
from readings import corpus, files, said

from lowres.data.corpus import Corpus
from lowres.recipe.task_section import Classification

TRAIN = "text\tlabel\n" + "".join(f"kato {n}\t{'positive' if n % 2 else 'negative'}\n" for n in range(80))
DEV = "text\tlabel\nelok\tpositive\njaek\tnegative\n"
TEST = "text\tlabel\nsanang\tpositive\nberang\tnegative\n"


def read(here: Path, train: str = "", test: str = "", labels: tuple[str, ...] | None = None) -> Corpus:
    task = Classification(kind="classification", labels=labels)
    return corpus(files(here, train=TRAIN + train, dev=DEV, test=TEST + test), here, task)


def told(found: Corpus) -> list[str]:
    return [finding.what for finding in found.findings if "label" in finding.what]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (
            "postive",
            "train.tsv:82  the label “postive” (1 of 43 rows) differs from “positive” in one letter (write positive or",
        ),
        ("psoitive", "the label “psoitive” (1 of 43 rows) differs from “positive” in one letter"),
        ("positivee", "differs from “positive” in one letter"),
        ("Positive", "is also spelled with other capitals"),
        ("pоsitive", "is also spelled “positive”, with letters of another script that look alike"),  # a Cyrillic о
        ("negative,positive", "“negative,positive” names several labels: negative, positive (lowres learns one label"),
        ("positive / negative", "names several labels: positive, negative"),
        ("['positive', 'negative']", "names several labels: positive, negative"),  # a list as Python prints it
        ("positive، negative", "names several labels: positive, negative"),
        ("positive and negative", "names several labels: positive, negative"),
        ("positive.", "is also spelled “positive”, with other signs around it"),
        ('"positive"', "is also spelled “positive”, with other signs around it"),
        ('["positive"]', "is also spelled “positive”, with other signs around it"),
        ("positive (?)", "is also spelled “positive”, with other signs around it"),
        ("ｐｏｓｉｔｉｖｅ", "is also spelled “positive”, with other forms of letters or digits"),
        ("pósitive", "differs from “positive” in one letter"),
    ],
)
def test_a_label_written_in_two_ways_is_refused_with_its_line(here: Path, label: str, message: str) -> None:
    assert message in said(lambda: read(here, f"alah\t{label}\n"))


def test_spaces_hyphens_and_underscores_make_no_other_label(here: Path) -> None:
    rows = "alah\tmixed feelings\nbukan\tmixed_feelings\nentah\tmixed-feelings\n"
    message = said(lambda: read(here, rows))
    assert (
        "train.tsv:83  the label “mixed_feelings” (1 of 2 rows) is also spelled “mixed feelings”, with other" in message
    )
    assert "train.tsv:84  the label “mixed-feelings” (1 of 2 rows)" in message


@pytest.mark.parametrize(("usual", "rare"), [("1", "1.0"), ("1", "١"), ("né", "ne"), ("A", "А")])
def test_short_labels_have_one_spelling_too(here: Path, usual: str, rare: str) -> None:
    """Two files that were put together, one of them from a spreadsheet; a mark that was lost; a Cyrillic letter."""
    rows = "text\tlabel\n" + "".join(f"kato {n}\t{usual if n % 2 else '2'}\n" for n in range(80)) + f"alah\t{rare}\n"
    test = f"text\tlabel\na\t{usual}\nb\t2\n"
    assert f"train.tsv:82  the label “{rare}”" in said(
        lambda: corpus(files(here, train=rows, dev=test, test=test), here)
    )


def test_what_is_perhaps_no_label_is_named_with_its_line(here: Path) -> None:
    found = read(here, "alah\tTotal\nbukan\tsee note\n")
    assert told(found)[0] == (
        "2 labels stand in one row only: “Total” (train.tsv:82), “see note” (train.tsv:83); "
        "if that is no label, mend it, else list all labels in task.labels"
    )
    assert not told(read(here))


def test_what_a_recipe_lists_is_meant(here: Path) -> None:
    labels = ("negative", "negative,positive", "positive", "postive", "nan")
    rows = "".join(f"alah {n}\t{label}\n" for n, label in enumerate(labels))
    found = read(here, rows, labels=labels)
    assert found.labels == labels and found.label_counts("train")["nan"] == 1


@pytest.mark.parametrize(
    "labels",
    [
        ("class1", "class2"),
        ("4", "5"),
        ("no", "on"),
        ("male", "female"),
        ("-1", "1"),
        ("+", "-"),
        ("C++", "C#"),
        (":)", ":("),
        ("1 0", "10"),
    ],
)
def test_labels_that_differ_for_good_reason_stay(here: Path, labels: tuple[str, str]) -> None:
    rows = "text\tlabel\n" + "".join(f"kato {n}\t{labels[n > 96]}\n" for n in range(98))
    test = f"text\tlabel\na\t{labels[0]}\nb\t{labels[1]}\n"
    assert corpus(files(here, train=rows, dev=test, test=test.replace("a\t", "c\t").replace("b\t", "d\t")), here).labels


def test_rows_without_a_label_are_left_out_and_counted(here: Path) -> None:
    found = read(here, "alah\tnan\nbukan\t\nentah\tN/A\nkosong\tnan\n", "baa\tNULL\n")
    assert len(found.train) == 80 and len(found.test) == 2 and found.labels == ("negative", "positive")
    assert told(found) == ["5 rows have no label and were left out: 2 “nan”, 1 empty, 1 “N/A”, 1 “NULL” (train.tsv:82)"]
    assert found.findings[0].level == "warning"
    train = found.files[0]
    assert (train.read, train.kept, train.outside) == (84, 80, 4)


@pytest.mark.parametrize("word", ["n.a.", "—", "...", "#VALEUR!", "#N/D", "#ССЫЛКА!"])
def test_words_for_nothing_of_many_programs(here: Path, word: str) -> None:
    assert read(here, f"alah\t{word}\n").labels == ("negative", "positive")


def test_a_damaged_label_is_told(here: Path) -> None:
    found = read(here, "".join(f"alah {n}\tmaÃ±ana\n" for n in range(2)))
    assert any("in the column “label” were decoded by a wrong encoding" in finding.what for finding in found.findings)


def test_none_is_a_label_like_any_other(here: Path) -> None:
    found = read(here, "".join(f"alah {n}\tnone\n" for n in range(40)), "baa\tnone\n")
    assert found.labels == ("negative", "none", "positive") and found.label_counts("test")["none"] == 1


def test_a_header_in_the_middle_of_a_file_is_left_out_and_counted(here: Path) -> None:
    found = read(here, "text\tlabel\nalah\tpositive\nText\tLabel\n")
    assert found.labels == ("negative", "positive") and len(found.train) == 81
    assert any("2 that repeat the header" in finding.what for finding in found.findings)


def test_a_label_without_a_test_row_is_told(here: Path) -> None:
    found = read(here, "".join(f"alah {n}\tneutral\n" for n in range(40)))
    assert told(found)[:2] == [
        "dev has no row with the label neutral: nothing tells how well it is predicted",
        "test has no row with the label neutral: nothing tells how well it is predicted",
    ]


def test_a_column_of_numbers_is_refused_at_once(here: Path) -> None:
    rows = "text\tlabel\n" + "".join(f"kato {n}\t{n * 0.37:.3f}\n" for n in range(2000))
    started = time.process_time()
    message = said(lambda: corpus(files(here, train=rows, dev=DEV, test=TEST), here))
    assert "2,000 different ones" in message and "is columns.label the right column" in message
    assert len(message) < 1000 and time.process_time() - started < 3


def test_many_unknown_labels_are_capped_before_anything_is_looked_up(here: Path) -> None:
    rows = "".join(f"kato {n}x\tlabel {n}\n" for n in range(2000))
    started = time.process_time()
    message = said(lambda: read(here, rows, labels=("negative", "positive")))
    assert message.count("unknown label") == 20 and "and 1980 more like these" in message
    assert len(message) < 5000 and time.process_time() - started < 3


def test_labels_in_another_unicode_form_are_the_same(here: Path) -> None:
    words = ("zle\u0301", "dobre\u0301")
    train = "text\tlabel\n" + "".join(f"slovo {n}\t{words[n % 2]}\n" for n in range(20))
    task = Classification(kind="classification", labels=("dobre\u0301", "zl\u00e9"))
    dev, test = "text\tlabel\na\tdobr\u00e9\nb\tzl\u00e9\n", "text\tlabel\nc\tdobr\u00e9\nd\tzl\u00e9\n"
    assert corpus(files(here, train=train, dev=dev, test=test), here, task).labels == ("dobr\u00e9", "zl\u00e9")


def test_labels_of_recipe_and_data_are_normalised_alike(here: Path) -> None:
    joined = "na\u200cmi\u00e9"  # with a zero-width non-joiner, as Persian writes; é in one character
    apart = "na\u200cmie\u0301"
    labels = ("negative", "positive", joined)
    assert Classification(kind="classification", labels=labels).labels == ("negative", "positive", "namié")
    for written in (joined, apart, "namié"):
        found = read(here, f"alah\t{written}\n", labels=labels)
        assert found.labels == ("negative", "positive", "namié") and found.label_counts("train")["namié"] == 1
