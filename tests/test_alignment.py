"""Sides that belong together line by line: what is missing is left out, what has slipped is found and named."""

import csv
import random
from pathlib import Path

import pytest
from readings import MIRROR, needs_mirror

from lowres.data.checks.misalignment import LEAST, align
from lowres.data.checks.parallel_texts import MISALIGNED
from lowres.data.corpus import Corpus
from lowres.data.pairs import pairs
from lowres.data.reading import read_corpus
from lowres.errors import DataError
from lowres.hashing import known_sha256
from lowres.places import Places
from lowres.recipe.data_section import CardData, Data, FileData
from lowres.recipe.task_section import Translation

TRANSLATE = Translation(kind="translation", source="eng-Latn", target="min-Latn")
WHO = {
    "My mother": "Amai den", "Grandfather": "Inyiak", "The teacher": "Guru tu", "Rina": "Rina", "Mr Dahlan": "Pak Dahlan",
    "Our neighbour from Solok": "Urang subalah dari Solok", "A boy": "Sorang anak", "Nobody in Padang": "Indak sorang pun di Padang",
}  # fmt: skip
WHAT = {
    "went to the market at {n} o'clock.": "pai ka pasa jam {n}.",
    "sells rice and {n} kinds of fish!": "manjua bareh jo {n} macam lauak!",
    "asks: who can carry these sacks up the long stairs?": "batanyo: sia nan bisa maangkek karuang ko ka ateh?",
    "is asleep.": "lalok.",
    "came late, the bus to Bukittinggi broke down ({n} km away)": "lambek, oto ka Bukittinggi rusak ({n} km dari siko)",
    "says that it will rain, so take your clothes inside": "mangecek ka ujan, jadi bao kain tu ka dalam",
    "laughed.": "galak.",
}


def sides(count: int, seed: int = 5) -> tuple[list[str], list[str]]:
    """So many sentences in English and Minangkabau, line by line, in an order of their own."""
    chance = random.Random(seed)
    pairs = []
    for _ in range(count):
        (who, urang), (what, nan) = chance.choice(list(WHO.items())), chance.choice(list(WHAT.items()))
        number = chance.randrange(2, 900)
        pairs.append((f"{who} {what}".format(n=number), f"{urang} {nan}".format(n=number)))
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


# Where a side has slipped


def test_sides_that_belong_together_are_left_alone() -> None:
    for seed in range(20):
        english, minang = sides(300, seed)
        found = align(english, minang)
        assert found.misaligned == () and found.agreement and found.agreement > 1


@pytest.mark.parametrize("lines", [1, 2, 3])
@pytest.mark.parametrize("place", [60, 150, 240])
def test_a_lost_or_doubled_line_is_found_where_it_is(place: int, lines: int) -> None:
    english, minang = sides(300)
    lost = minang[:place] + minang[place + lines :]
    (slip,) = align(english[: len(lost)], lost).misaligned
    # the lines that lost their translation go with nothing; those after them have slipped
    assert abs(slip.start - place - lines) <= 3 and (slip.end, slip.shift) == (len(lost), -lines)
    doubled = minang[:place] + minang[place : place + 1] * lines + minang[place:]
    (slip,) = align(english, doubled[:300]).misaligned
    assert abs(slip.start - place) <= 2 and (slip.end, slip.shift) == (300, lines)


def test_a_stretch_between_two_losses_is_found() -> None:
    english, minang = sides(300)
    (slip,) = align(english[:180] + english[181:], minang[:90] + minang[91:]).misaligned
    assert abs(slip.start - 90) <= 2 and abs(slip.end - 180) <= 2 and slip.shift == -1


def test_unrelated_sides_are_told_from_slipped_ones() -> None:
    english, minang = sides(300)
    shuffled = random.Random(1).sample(minang, len(minang))
    found = align(english, shuffled)
    assert found.unrelated and found.misaligned == ()
    assert not align(english, minang).unrelated


def test_too_few_lines_tell_nothing() -> None:
    english, minang = sides(LEAST)
    assert align(english[:-1], minang[1:]).agreement is None


@needs_mirror
@pytest.mark.parametrize("path", ["dev/nusax/mt/valid.tsv", "dev/tico19/eng-amh/test.tsv", "ship/talpco/all.tsv"])
def test_published_sides_are_judged_as_they_are(path: str) -> None:
    assert MIRROR
    with (Path(MIRROR) / path).open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    first, *others = [number for number, name in enumerate(head) if name not in ("id", "label")]
    for other in others:
        one, two = [row[first] for row in rows], [row[other] for row in rows]
        assert not align(one, two).misaligned
        (slip,) = align(one[:-1], two[:50] + two[51:]).misaligned
        assert abs(slip.start - 50) <= 25 and slip.shift == -1


# What becomes of it


def read(data: Data, folder: Path) -> Corpus:
    return read_corpus(data, TRANSLATE, Places(folder, folder / "cache", offline=True), seed=13)


def lines(folder: Path, name: str, texts: list[str]) -> None:
    (folder / name).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")


def own(folder: Path, english: list[str], minang: list[str]) -> FileData:
    """The user's own files, aligned by line."""
    lines(folder, "en.txt", english)
    lines(folder, "min.txt", minang)
    return FileData.model_validate(
        {"files": {"train": {"eng-Latn": "en.txt", "min-Latn": "min.txt"}}, "licence": "private", "source": "this test"}
    )


def test_own_files_that_have_slipped_are_refused_with_the_line(tmp_path: Path) -> None:
    english, minang = sides(200)
    with pytest.raises(DataError) as error:
        read(own(tmp_path, english[:-1], minang[:120] + minang[121:]), tmp_path)
    (problem,) = error.value.problems
    assert problem.where == "min.txt:121"
    assert (
        problem.what
        == "the sides are misaligned from here: this line goes with line 122 of en.txt, and so on to the end"
    )
    assert problem.hint.startswith("a line was lost from min.txt or added to en.txt")


def test_own_columns_that_have_slipped_are_refused_with_the_line(tmp_path: Path) -> None:
    english, minang = sides(200)
    rows = zip(english[:80] + english[81:], minang[:-1], strict=True)
    lines(tmp_path, "a.tsv", ["source\ttarget", *(f"{one}\t{two}" for one, two in rows)])
    data = FileData(files={"train": "a.tsv"}, licence="private", source="this test")
    with pytest.raises(
        DataError,
        match=r"a\.tsv:83  the sides are misaligned from here: this line goes with line 82 of source.*lost from source",
    ):
        read(data, tmp_path)
    lines(tmp_path, "a.tsv", ["source\ttrget", "a\tb"])
    with pytest.raises(DataError, match=r"there is no column “target” .did you mean “trget”"):
        read(data, tmp_path)


def test_blank_lines_on_either_side_do_not_look_like_a_slip(tmp_path: Path) -> None:
    english, minang = sides(300)
    for place in range(0, 300, 9):
        minang[place] = ""
    for place in range(4, 300, 31):
        english[place] = ""
    found = read(own(tmp_path, english, minang), tmp_path)
    kept = [pair for split in (found.train, found.dev, found.test) for pair in pairs(split, [("eng-Latn", "min-Latn")])]
    true = set(zip(english, minang, strict=True))
    assert kept and all((pair.source.fields["text"], pair.target.fields["text"]) in true for pair in kept)


CARD = """\
---
pretty_name: P
language: [eng, min]
license: cc0-1.0
task_categories: [translation]
lowres:
  homepage: https://example.org
  citation: none
  provenance: written for this test
  consent: given
  contact: nobody@example.org
  redistribute: yes
  known_problems: []
  columns: {cluster: line}
  format: %s
  source: {folder: .}
  subsets:
    min:
%s---
Written for this test.
"""


@pytest.mark.parametrize("layout", ["sides", "texts"])
def test_of_published_train_slipped_lines_are_left_out_and_of_test_not(tmp_path: Path, layout: str) -> None:
    for split, seed in (("train", 5), ("dev", 6), ("test", 7)):
        english, minang = sides(200, seed)
        if split != "dev":
            english, minang = english[:-1], minang[:150] + minang[151:]
        lines(tmp_path, f"{split}.en", english)
        lines(tmp_path, f"{split}.min", minang)
        rows = [f"{one}\t{two}" for one, two in zip(english, minang, strict=True)]
        lines(tmp_path, f"{split}.tsv", ["en\tmin", *rows])

    def entry(split: str, end: str) -> str:
        return f"{split}: {{path: {split}.{end}, sha256: {known_sha256(tmp_path / f'{split}.{end}')}}}"

    splits = ("train", "dev", "test")
    if layout == "sides":
        files = [f"        {tag}: {{{', '.join(entry(split, end) for split in splits)}}}\n"
                 for tag, end in (("eng-Latn", "en"), ("min-Latn", "min"))]  # fmt: skip
        text = CARD % ("text", "      sides:\n" + "".join(files))
    else:
        files = [f"        {entry(split, 'tsv')}\n" for split in splits]
        text = CARD % ("tsv", "      texts: {eng-Latn: en, min-Latn: min}\n      files:\n" + "".join(files))
    (tmp_path / "p.md").write_text(text, encoding="utf-8")
    found = read(CardData(card="p"), tmp_path)
    told = [
        finding.what
        for finding in found.findings
        if finding.level == "warning" and "the sides are misaligned from here" in finding.what
    ]
    assert len(told) == 2 and "train" in told[0] and "test" in told[1]
    assert any(MISALIGNED in finding.what for finding in found.findings)
    assert len(pairs(found.train, [("eng-Latn", "min-Latn")])) == pytest.approx(150, abs=4)
    assert len(pairs(found.test, [("eng-Latn", "min-Latn")])) == 199
