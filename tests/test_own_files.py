"""Own files of every layout become the rows that they mean; splits are by text, and rows that make no pair are counted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from readings import said

from lowres.data.corpus import SPLITS, Corpus
from lowres.data.pairs import pair_counts, pairs
from lowres.data.reading import read_corpus
from lowres.places import Places
from lowres.recipe import parse_recipe
from lowres.recipe.data_section import FileData
from lowres.recipe.task_section import Classification, Task, Translation

CLASSIFY = Classification(kind="classification")
TRANSLATE = Translation(kind="translation", source="eng-Latn", target="min-Latn")
WAY = [("eng-Latn", "min-Latn")]
ANIMALS = ("ayam", "itiak", "kambiang", "jawi", "kudo", "kuciang", "anjiang")
ENGLISH = [f"day {n}: we saw {n % 7} of them{' again and again' * (n % 4)}" for n in range(200)]
MINANG = [f"hari {n}: awak caliak {n % 7} {ANIMALS[n % 7]}{' baliak jo baliak' * (n % 4)}" for n in range(200)]


def write(folder: Path, name: str, lines: Sequence[str]) -> str:
    (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return name


def table(folder: Path, name: str, english: Sequence[str], minang: Sequence[str]) -> str:
    return write(folder, name, ["source\ttarget", *(f"{a}\t{b}" for a, b in zip(english, minang, strict=True))])


def own(files: dict[str, Any], **other: Any) -> FileData:
    facts = {"files": files, "licence": "private", "source": "written for this test"}
    return FileData.model_validate(facts | other)


def read(folder: Path, *sources: FileData, task: Task = TRANSLATE) -> Corpus:
    data = sources if len(sources) > 1 else sources[0]
    return read_corpus(data, task, Places(folder, folder / "cache", offline=True), seed=13)


def told(found: Corpus, words: str) -> list[str]:
    return [finding.what for finding in found.findings if words in finding.what]


def placed(found: Corpus) -> dict[str, str]:
    """English text → split."""
    return {row.fields["text"]: split for split in SPLITS for row in found.split(split) if row.language == "eng-Latn"}


# Splits


def test_aligned_files_are_split_by_their_text_not_by_their_lines(tmp_path: Path) -> None:
    def split(english: list[str], minang: list[str]) -> dict[str, str]:
        files = {"eng-Latn": write(tmp_path, "en.txt", english), "min-Latn": write(tmp_path, "min.txt", minang)}
        return placed(read(tmp_path, own({"train": files})))

    before, after = split(ENGLISH, MINANG), split(["a new line", *ENGLISH], ["baris baru", *MINANG])
    assert after.pop("a new line") and after == before and set(before.values()) == set(SPLITS)


def test_equal_texts_are_in_one_split_so_that_nothing_is_lost_as_a_leak(tmp_path: Path) -> None:
    # every sentence stands three times, once with other capitals and an end
    english = [*ENGLISH, *(text.upper() for text in ENGLISH), *(f"{text}." for text in ENGLISH)]
    found = read(tmp_path, own({"train": table(tmp_path, "a.tsv", english, [*MINANG, *MINANG, *MINANG])}))
    assert sum(len(found.split(split)) for split in SPLITS) == 2 * 600 and not told(found, "rows left out")


def test_rows_that_make_no_pair_are_for_training(tmp_path: Path) -> None:
    """Untranslated rows are texts for back-translation, and take no room in dev."""
    for blank in ("source", "target"):
        english = [text if blank == "target" or n < 100 else "" for n, text in enumerate(ENGLISH)]
        minang = [text if blank == "source" or n < 100 else "" for n, text in enumerate(MINANG)]
        found = read(tmp_path, own({"train": table(tmp_path, "a.tsv", english, minang)}))
        counts = pair_counts(TRANSLATE, found)
        tag = "eng-Latn" if blank == "target" else "min-Latn"
        assert sum(count.pairs for count in counts.values()) == 100
        assert {split: dict(count.alone) for split, count in counts.items()} == {
            "train": {tag: 100},
            "dev": {},
            "test": {},
        }
        (what,) = told(found, "have nothing in")
        assert (
            what == f"100 of 200 rows have nothing in the column “{blank}” of a.tsv (a.tsv:102), so they make no pair"
        )
        (file,) = found.files
        assert (file.read, file.kept, file.empty, file.outside) == (200, 200, 0, 0)


def test_blank_lines_of_aligned_files_are_told(tmp_path: Path) -> None:
    minang = ["" if n in (5, 9) else text for n, text in enumerate(MINANG)]
    files = {"eng-Latn": write(tmp_path, "en.txt", ENGLISH), "min-Latn": write(tmp_path, "min.txt", minang)}
    found = read(tmp_path, own({"train": files}))
    assert told(found, "nothing in") == ["2 of 200 rows have nothing in min.txt (min.txt:6), so they make no pair"]


def test_blank_lines_at_the_end_of_one_file_are_no_fault(tmp_path: Path) -> None:
    files = {"eng-Latn": write(tmp_path, "en.txt", ENGLISH), "min-Latn": write(tmp_path, "min.txt", [*MINANG, "", " "])}
    assert pair_counts(TRANSLATE, read(tmp_path, own({"train": files})))["train"].pairs > 100


@pytest.mark.parametrize(("sign", "code"), [("\r", "U+000D"), ("\u2028", "U+2028"), ("\x85", "U+0085")])
def test_what_may_be_the_end_of_a_line_is_named_where_lines_are_missing(tmp_path: Path, sign: str, code: str) -> None:
    joined = [*MINANG[:9], f"{MINANG[9]}{sign}{MINANG[10]}", *MINANG[11:]]
    files = {"eng-Latn": write(tmp_path, "en.txt", ENGLISH), "min-Latn": write(tmp_path, "min.txt", joined)}
    message = said(lambda: read(tmp_path, own({"train": files})))
    assert "en.txt has 200, min.txt has 199" in message and f"min.txt:10  holds {code}, which ends no line" in message


def test_an_empty_split_says_what_became_of_its_rows(tmp_path: Path) -> None:
    untranslated = "".join(f'msgid "{text}"\nmsgstr "{"ado" * (not n)}"\n\n' for n, text in enumerate(ENGLISH[:50]))
    message = said(lambda: read(tmp_path, own({"train": write(tmp_path, "a.po", [untranslated])})))
    assert "a.po  has no dev rows: of 50 rows 49 were left out (empty)" in message


def test_every_missing_column_is_named_at_once(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", ["Texto,Etiqueta", "satu,p", "dua,n"])
    message = said(lambda: read(tmp_path, own({"train": "a.csv"}, language="min-Latn"), task=CLASSIFY))
    assert "no column “text”" in message and "no column “label”" in message


def test_an_empty_split_names_the_empty_column(tmp_path: Path) -> None:
    files = {split: table(tmp_path, f"{split}.tsv", ENGLISH[at : at + 20], MINANG[at : at + 20])
             for split, at in (("train", 0), ("dev", 20))}  # fmt: skip
    files["test"] = table(tmp_path, "test.tsv", ENGLISH[40:60], [""] * 20)
    message = said(lambda: read(tmp_path, own(files)))
    assert "none of the 20 test rows translate one another" in message
    assert "20 of 20 rows have nothing in the column “target” of test.tsv (test.tsv:2)" in message
    write(tmp_path, "empty.tsv", ["text\tlabel\tother", *("\tx\ty" for _ in range(5))])
    write(tmp_path, "full.tsv", ["text\tlabel", "a\tx", "b\ty"])
    data = own({"train": "full.tsv", "dev": "full.tsv", "test": "empty.tsv"}, language="min-Latn")
    assert "empty.tsv  has no test rows: the column “text” is empty" in said(
        lambda: read(tmp_path, data, task=CLASSIFY)
    )


def test_ids_may_restart_in_every_file(tmp_path: Path) -> None:
    files: dict[str, Any] = {}
    for number, split in enumerate(("train", "train", "dev", "test")):
        rows = [f"{n}\t{ENGLISH[20 * number + n]}\t{MINANG[20 * number + n]}" for n in range(20)]
        name = write(tmp_path, f"{number}.tsv", ["id\tsource\ttarget", *rows])
        files[split] = (*files.get(split, ()), name)
    found = read(tmp_path, own(files, columns={"id": "id"}))
    assert {split: count.pairs for split, count in pair_counts(TRANSLATE, found).items()} == {
        "train": 40,
        "dev": 20,
        "test": 20,
    }
    true = set(zip(ENGLISH, MINANG, strict=True))
    assert all((p.source.fields["text"], p.target.fields["text"]) in true for p in pairs(found.train, WAY))


def test_a_column_called_line_is_a_column_like_any_other(tmp_path: Path) -> None:
    rows = [f"0\t{a}\t{b}" for a, b in zip(ENGLISH, MINANG, strict=True)]
    write(tmp_path, "a.tsv", ["line\tsource\ttarget", *rows])
    found = read(tmp_path, own({"train": "a.tsv"}))
    assert sum(count.pairs for count in pair_counts(TRANSLATE, found).values()) == 200
    write(tmp_path, "b.tsv", ["text\tlabel", "a\tx", "b\ty"])
    data = own({"train": "b.tsv", "dev": "b.tsv", "test": "b.tsv"}, language="min-Latn", columns={"text": "line"})
    assert "b.tsv:1  there is no column “line”" in said(lambda: read(tmp_path, data, task=CLASSIFY))


def test_a_limit_counts_pairs(tmp_path: Path) -> None:
    minang = [text if n % 10 == 0 else "" for n, text in enumerate(MINANG)]  # 20 of 200 are translated
    files = {
        "train": table(tmp_path, "train.tsv", ENGLISH, minang),
        "dev": table(tmp_path, "dev.tsv", ["a b"], ["b a"]),
    }
    found = read(tmp_path, own({**files, "test": table(tmp_path, "test.tsv", ["c d"], ["d c"])}, limit=15))
    count = pair_counts(TRANSLATE, found)["train"]
    assert (count.pairs, dict(count.alone)) == (15, {"eng-Latn": 15})


def test_every_fault_of_every_file_is_named_at_once(tmp_path: Path) -> None:
    table(tmp_path, "train.tsv", ENGLISH, MINANG)
    write(tmp_path, "dev.tsv", ["sorce\ttarget", "a\tb"])
    message = said(lambda: read(tmp_path, own({"train": "train.tsv", "dev": "dev.tsv", "test": "nowhere.tsv"})))
    assert "dev.tsv:1  there is no column “source”" in message and "nowhere.tsv  cannot be read" in message


# Layouts


def test_several_files_may_make_one_split(tmp_path: Path) -> None:
    def texts(name: str, lines: Sequence[str]) -> tuple[str, str]:
        """A text in two files."""
        return write(tmp_path, f"1{name}.txt", lines[:20]), write(tmp_path, f"2{name}.txt", lines[20:])

    files = {
        "train": tuple(table(tmp_path, f"{n}.tsv", ENGLISH[n::4], MINANG[n::4]) for n in range(2)),
        "dev": table(tmp_path, "d.tsv", ENGLISH[2::4], MINANG[2::4]),
        "test": {"eng-Latn": texts("en", ENGLISH[3::4]), "min-Latn": texts("min", MINANG[3::4])},
    }
    found = read(tmp_path, own(files))
    counts = {split: count.pairs for split, count in pair_counts(TRANSLATE, found).items()}
    assert counts == {"train": 100, "dev": 50, "test": 50}
    true = set(zip(ENGLISH, MINANG, strict=True))
    for split in SPLITS:
        assert all((p.source.fields["text"], p.target.fields["text"]) in true for p in pairs(found.split(split), WAY))


def test_each_label_may_have_a_file(tmp_path: Path) -> None:
    files: dict[str, Any] = {}
    for split, at in (("train", 0), ("dev", 20), ("test", 40)):
        bad = [write(tmp_path, f"{split}{n}.txt", MINANG[at + n : at + n + 10]) for n in (0, 10)]
        files[split] = {"good": write(tmp_path, f"{split}.txt", ENGLISH[at : at + 20]), "bad": tuple(bad)}
    found = read(tmp_path, own(files, language="min-Latn"), task=CLASSIFY)
    assert found.labels == ("bad", "good") and found.label_counts("train") == {"good": 20, "bad": 20}
    assert {row.fields["label"] for row in found.train if row.fields["text"] in MINANG} == {"bad"}


def test_rows_may_be_chosen_by_the_value_of_a_column(tmp_path: Path) -> None:
    rows = [f"{text}\t{'pn'[n % 2]}\t{('hau', 'ibo', 'yor')[n % 3]}" for n, text in enumerate(ENGLISH)]
    write(tmp_path, "a.tsv", ["text\tlabel\tlang", *rows])
    found = read(tmp_path, own({"train": "a.tsv"}, language="hau-Latn", rows={"lang": "hau"}), task=CLASSIFY)
    assert sorted(placed_rows(found)) == sorted(ENGLISH[0::3])
    assert told(found, "133 with another value in the column “lang”")
    two = own({"train": "a.tsv"}, language="hau-Latn", rows={"lang": ("hau", "yor"), "label": "p"})
    assert "all rows have the same label" in said(lambda: read(tmp_path, two, task=CLASSIFY))
    none = own({"train": "a.tsv"}, language="hau-Latn", rows={"lang": "hua"})
    message = "no row has hua in the column “lang” (there are hau, ibo, yor)"
    assert message in said(lambda: read(tmp_path, none, task=CLASSIFY))


def placed_rows(found: Corpus) -> list[str]:
    return [row.fields["text"] for row in found.rows()]


def test_a_column_may_say_the_split(tmp_path: Path) -> None:
    names = ("train", "train", "Validation", "test")
    rows = [f"{text}\t{'pn'[n // 4 % 2]}\t{names[n % 4]}" for n, text in enumerate(ENGLISH)]
    write(tmp_path, "a.tsv", ["text\tlabel\tset", *rows])
    data = own({"train": "a.tsv"}, language="min-Latn", columns={"split": "set"})
    found = read(tmp_path, data, task=CLASSIFY)
    assert [len(found.split(split)) for split in SPLITS] == [100, 50, 50] and not told(found, "set aside")
    assert [row.fields["text"] for row in found.test] == ENGLISH[3::4]
    write(tmp_path, "a.tsv", ["text\tlabel\tset", *rows, "a\tp\theld out"])
    assert "a.tsv:202  “held out” in the column “set” is no split" in said(lambda: read(tmp_path, data, task=CLASSIFY))


def test_one_table_may_hold_many_languages(tmp_path: Path) -> None:
    rows = [f"{a}\t{b}\t{'' if n % 2 else a[::-1]}" for n, (a, b) in enumerate(zip(ENGLISH, MINANG, strict=True))]
    write(tmp_path, "a.tsv", ["english\tminang\tjavanese", *rows])
    task = Translation(kind="translation", source="eng-Latn", target=("min-Latn", "jav-Latn"))
    columns = {"texts": {"eng-Latn": "english", "min-Latn": "minang", "jav-Latn": "javanese"}}
    found = read(tmp_path, own({"train": "a.tsv"}, columns=columns), task=task)
    assert sum(count.pairs for count in pair_counts(task, found).values()) == 300
    assert "say columns.texts" in said(lambda: read(tmp_path, own({"train": "a.tsv"}), task=task))
    (file,) = found.files
    assert file.kept == 200


def test_misaligned_lines_are_refused_or_left_out_as_the_recipe_says(tmp_path: Path) -> None:
    files = {"train": table(tmp_path, "a.tsv", ENGLISH[:80] + ENGLISH[81:], MINANG[:-1])}
    message = said(lambda: read(tmp_path, own(files)))
    assert "the sides are misaligned from here" in message and "data.misaligned: leave-out" in message
    found = read(tmp_path, own(files, misaligned="leave-out"))
    true = set(zip(ENGLISH, MINANG, strict=True))
    kept = [p for split in SPLITS for p in pairs(found.split(split), WAY)]
    wrong = [p for p in kept if (p.source.fields["text"], p.target.fields["text"]) not in true]
    assert 70 <= len(kept) < 90 and len(wrong) <= 5
    assert found.findings[0].level == "warning" and "misaligned from here" in found.findings[0].what
    assert told(found, "whose sides are misaligned")


def test_a_source_may_have_test_rows_only_or_train_rows_only(tmp_path: Path) -> None:
    """Train in English, test in Hausa: two sources of a mixture."""
    for name, texts in (("eng", ENGLISH), ("hau", MINANG)):
        write(tmp_path, f"{name}.tsv", ["text\tlabel", *(f"{text}\t{'pn'[n % 2]}" for n, text in enumerate(texts))])
    english = own({"train": "eng.tsv"}, language="eng-Latn", use=("train", "dev"))
    hausa = own({"test": "hau.tsv"}, language="hau-Latn")
    found = read(tmp_path, english, hausa, task=CLASSIFY)
    assert {split: {row.language for row in found.split(split)} for split in SPLITS} == {
        "train": {"eng-Latn"}, "dev": {"eng-Latn"}, "test": {"hau-Latn"},
    }  # fmt: skip
    assert len(found.test) == 200 and 150 < len(found.train) < 200 and not told(found, "has no rows in")
    only = own({"train": "eng.tsv"}, language="eng-Latn", use=("train",))
    dev = own({"dev": "hau.tsv"}, language="hau-Latn")
    assert "has no test rows" in said(lambda: read(tmp_path, only, dev, task=CLASSIFY))
    assert "has no train rows" in said(lambda: read(tmp_path, hausa, task=CLASSIFY))


def test_a_recipe_says_all_this_in_yaml(tmp_path: Path) -> None:
    text = """\
lowres: 2
name: Layouts
task: {kind: translation, source: eng-Latn, target: [min-Latn, jav-Latn]}
data:
  files:
    train: [a.tsv, b.tsv]
    test: {eng-Latn: [c.en.txt, d.en.txt], min-Latn: [c.min.txt, d.min.txt]}
  columns: {texts: {eng-Latn: english, min-Latn: minang, jav-Latn: javanese}, split: part}
  rows: {domain: [news, stories], checked: "yes"}
  misaligned: leave-out
  licence: private
  source: mine
"""
    data = parse_recipe(text, "recipe.yaml").data
    assert isinstance(data, FileData) and data.files["train"] == ("a.tsv", "b.tsv")
    assert data.rows == {"domain": ("news", "stories"), "checked": "yes"}
    assert data.files["test"] == {"eng-Latn": ("c.en.txt", "d.en.txt"), "min-Latn": ("c.min.txt", "d.min.txt")}


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_file_for_what_is_no_language_is_refused(tmp_path: Path, split: str) -> None:
    write(tmp_path, "en.txt", ENGLISH)
    files = {"train": table(tmp_path, "a.tsv", ENGLISH, MINANG), split: {"english": "en.txt", "min-Latn": "en.txt"}}
    assert f"data.files.{split}.english  “english” is not a language tag" in said(lambda: read(tmp_path, own(files)))
