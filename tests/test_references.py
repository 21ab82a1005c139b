"""Whether pairs are translations at all: unrelated sides, equal sides, stand-ins, one text for many, leaks."""

import random
from pathlib import Path

import pytest
from test_own_files import ENGLISH, MINANG, TRANSLATE, own, pair_counts, read, table, told, write

from lowres.data.pairs import pairs
from lowres.recipe.task_section import Translation


def three(folder: Path, test: list[tuple[str, str]]) -> dict[str, str]:
    """Train and dev from the shared sentences, and a test file."""
    return {
        "train": table(folder, "train.tsv", ENGLISH[:100], MINANG[:100]),
        "dev": table(folder, "dev.tsv", ENGLISH[100:140], MINANG[100:140]),
        "test": table(folder, "test.tsv", [one for one, _ in test], [other for _, other in test]),
    }


TEST = list(zip(ENGLISH[140:], MINANG[140:], strict=True))


@pytest.mark.parametrize("layout", ["table", "files"])
def test_sides_that_are_no_translations_are_told_first_of_all(tmp_path: Path, layout: str) -> None:
    names = ("Sari", "Budi", "Amina", "Karim", "Lestari", "Putra", "Dewi", "Rahmat")
    english = [
        f"{names[n % 8]} and {names[n // 8 % 8]} paid {n * 37} for it{' in the market' * (n % 5)}" for n in range(120)
    ]
    minang = [f"{names[n % 8]} jo {names[n // 8 % 8]} mambayia {n * 37}{' di pakan' * (n % 5)}" for n in range(120)]

    def findings(other: list[str]) -> list[str]:
        train = (
            table(tmp_path, "a.tsv", english, other)
            if layout == "table"
            else {"eng-Latn": write(tmp_path, "en.txt", english), "min-Latn": write(tmp_path, "min.txt", other)}
        )
        return [finding.what for finding in read(tmp_path, own({"train": train})).findings]

    assert not any("unrelated" in what for what in findings(minang))
    shuffled = random.Random(1).sample(minang, len(minang))
    assert "agree no better than unrelated lines: are they translations?" in findings(shuffled)[0]


def test_an_untranslated_catalogue_is_told_where_two_languages_are_named(tmp_path: Path) -> None:
    texts = [f"Save {n} files" for n in range(40)]
    for name, some in (("train", texts[:20]), ("dev", texts[20:30]), ("test", texts[30:])):
        entries = "".join(f'msgid "{text}"\nmsgstr ""\n\n' for text in some)
        (tmp_path / f"{name}.po").write_text(
            f'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n{entries}', encoding="utf-8"
        )
    files = {name: f"{name}.po" for name in ("train", "dev", "test")}
    task = Translation(kind="translation", source="eng-Latn", target="wol-Latn")
    found = read(tmp_path, own(files), task=task)
    equal = [finding for finding in found.findings if "the same text on both sides" in finding.what]
    assert [finding.level for finding in equal] == ["warning"] * 3
    assert equal[2].what.startswith("10 of 10 test pairs have the same text on both sides")


def test_a_few_equal_sides_are_a_note(tmp_path: Path) -> None:
    found = read(tmp_path, own(three(tmp_path, [*TEST, ("Jakarta", "Jakarta")])))
    (finding,) = [finding for finding in found.findings if "both sides" in finding.what]
    assert (finding.level, finding.what) == (
        "note",
        "1 of 61 test pairs have the same text on both sides (test.tsv:62)",
    )


def test_what_stands_for_a_missing_translation_is_left_out_of_every_split(tmp_path: Path) -> None:
    marks = ["<range>", "#NAME?", "\\N", "NULL", "[…]", "-", "nan"]
    test = [*TEST[:20], *((ENGLISH[160 + n], mark) for n, mark in enumerate(marks))]
    found = read(tmp_path, own(three(tmp_path, test)))
    assert pair_counts(TRANSLATE, found)["test"].pairs == 20
    said = told(found, "which is no translation: left out")
    assert (
        len(said) == 7
        and "1 test text of min-Latn is “<range>” (test.tsv:22), which is no translation: left out" in said
    )
    assert found.files[2].read == found.files[2].kept + found.files[2].empty + found.files[2].outside


def test_what_translates_itself_stays(tmp_path: Path) -> None:
    test = [
        *TEST[:20],
        ("NULL", "NULL"),
        ("-", "-"),
        ("bread", "nan"),
        ("N/A", "n/a"),
        ("what", "?"),
        ("...", "…"),
        ("None", "indak ado"),
        ("👍", "iyo, awak satuju bana"),
    ]
    found = read(tmp_path, own(three(tmp_path, test)))
    assert pair_counts(TRANSLATE, found)["test"].pairs == 28 and not told(found, "no translation")


def test_one_text_for_many_is_told(tmp_path: Path) -> None:
    test = [*TEST[:20], *((text, "indak ado") for text in ENGLISH[160:168])]
    found = read(tmp_path, own(three(tmp_path, test)))
    assert told(found, "is the translation of") == [
        "“indak ado” is the translation of 8 different texts of test (test.tsv:22)"
    ]


def test_one_text_for_many_is_told_where_its_copies_in_train_make_way_for_test(tmp_path: Path) -> None:
    """Own data are split by the source: the copies in train are left out for the sake of that in test, and one is left."""
    rows = [(a, "[belum]" if n % 20 == 3 else b) for n, (a, b) in enumerate(zip(ENGLISH, MINANG, strict=True))]
    found = read(tmp_path, own({"train": table(tmp_path, "a.tsv", *map(list, zip(*rows, strict=True)))}))
    (told_of,) = told(found, "is the translation of")
    assert told_of.startswith("“[belum]” is the translation of 10 different texts of train and")


@pytest.mark.parametrize("mark", ["#¿NOMBRE?", "#N/D", "Err:502", ". . .", "///", "□□□", "〃", "<blank>", "[ ]", "“—”"])
def test_stand_ins_of_other_programs_and_people(tmp_path: Path, mark: str) -> None:
    found = read(tmp_path, own(three(tmp_path, [*TEST[:20], (ENGLISH[160], mark), ("<blank>", "<blank>")])))
    assert pair_counts(TRANSLATE, found)["test"].pairs == 21
    assert told(found, f"is “{mark}” (test.tsv:22), which is no translation: left out")


def test_near_copies_between_sources_are_found_in_scripts_without_spaces(tmp_path: Path) -> None:
    rng = random.Random(4)
    letters = [chr(code) for code in range(0x4E00, 0x4E00 + 800)]
    chinese = ["".join(rng.choices(letters, k=40)) for _ in range(60)]
    english = [f"sentence {n} of some length, no two alike {n * n}" for n in range(60)]
    task = Translation(kind="translation", source="eng-Latn", target="zho-Hani")
    first = own({
        "train": table(tmp_path, "a.tsv", english[:20], chinese[:20]),
        "dev": table(tmp_path, "b.tsv", english[20:30], chinese[20:30]),
        "test": table(tmp_path, "c.tsv", english[30:40], chinese[30:40]),
    })  # fmt: skip
    copies = [f"他说{text[:30]}吗" for text in chinese[30:35]]  # thirty characters of test in a row
    second = own(
        {"train": table(tmp_path, "d.tsv", [f"other {n}" for n in range(10)], [*copies, *chinese[50:55]])},
        use=("train",),
    )
    found = read(tmp_path, first, second, task=task)
    assert pair_counts(task, found)["train"].pairs == 25
    assert not {p.target.fields["text"] for p in pairs(found.train, [("eng-Latn", "zho-Hani")])} & set(copies)
