"""Which text translates which: directions, partners, sampling; mixtures of sources."""

from collections import Counter
from pathlib import Path

import pytest

from lowres.data.corpus import Corpus, Row
from lowres.data.pairs import directions, pairs, sampled
from lowres.data.reading import read_corpus
from lowres.errors import DataError
from lowres.places import Places
from lowres.recipe import parse_recipe
from lowres.recipe.task_section import Translation

RECIPE = """\
lowres: 2
name: Pairs
task: {{kind: translation, source: {source}, target: {target}}}
data: {data}
"""
MEALS = ("rice", "soup", "fish", "bread", "tea", "corn", "milk", "eggs", "beans")
ENGLISH = [
    f"On day {day} we ate {MEALS[day % 9]} and {MEALS[day % 7]}{'!' * (day % 3)} {'It was good. ' * (day % 5)}"
    for day in range(160)
]
OTHER = [
    f"Lo tag {day} nos eda {MEALS[day % 9][::-1]} ke {MEALS[day % 7][::-1]}{'!' * (day % 3)} {'Tas lo bona. ' * (day % 5)}"
    for day in range(160)
]


def translation(source: str = "all", target: str = "all", *, both: bool = False) -> Translation:
    return Translation(kind="translation", source=source, target=target, both=both)


def row(tag: str, cluster: str, name: str = "") -> Row:
    return Row(f"{tag}/{name or cluster}", cluster, tag, {"text": f"{tag} {cluster} {name}"})


def read(folder: Path, data: str, source: str = "eng-Latn", target: str = "min-Latn") -> Corpus:
    recipe = parse_recipe(RECIPE.format(source=source, target=target, data=data), "recipe.yaml")
    return read_corpus(recipe.data, recipe.task, Places(folder, folder / "cache", offline=True), seed=13)


def lines(folder: Path, name: str, texts: list[str]) -> None:
    (folder / name).write_text("\n".join(texts) + "\n", encoding="utf-8")


def test_directions_are_all_that_the_task_names() -> None:
    tags = ("eng-Latn", "ind-Latn", "min-Latn")
    assert len(directions(translation(), tags)) == 6
    assert directions(translation("ind-Latn", "min-Latn"), tags) == (("ind-Latn", "min-Latn"),)
    both = directions(translation("ind-Latn", "all", both=True), tags)
    assert both == (
        ("ind-Latn", "eng-Latn"),
        ("ind-Latn", "min-Latn"),
        ("eng-Latn", "ind-Latn"),
        ("min-Latn", "ind-Latn"),
    )


def test_rows_of_one_group_are_paired_and_several_by_their_names() -> None:
    rows = [row("eng-Latn", "1"), row("min-Latn", "1"), row("eng-Latn", "2"), row("min-Latn", "3")]
    (pair,) = pairs(rows, [("eng-Latn", "min-Latn")])
    assert pair.direction_name == "eng-Latn→min-Latn" and pair.source.cluster == pair.target.cluster == "1"
    doubled = [
        row("eng-Latn", "1", "a"),
        row("eng-Latn", "1", "b"),
        row("min-Latn", "1", "b"),
        row("min-Latn", "1", "a"),
    ]
    found = pairs(doubled, [("eng-Latn", "min-Latn")])
    assert [(pair.source.id, pair.target.id) for pair in found] == [
        ("eng-Latn/a", "min-Latn/a"),
        ("eng-Latn/b", "min-Latn/b"),
    ]


def test_temperature_evens_out_directions_and_every_pair_comes_in_turn() -> None:
    rows = [
        row(tag, f"{tag}{number}") for tag, count in (("ind-Latn", 400), ("jav-Latn", 20)) for number in range(count)
    ]
    rows += [row("min-Latn", one.cluster) for one in rows]
    found = pairs(rows, [("ind-Latn", "min-Latn"), ("jav-Latn", "min-Latn")])

    def shown(temperature: float, max_pairs: int | None = None, epoch: int = 0) -> Counter[str]:
        return Counter(found[number].direction_name for number in sampled(found, temperature, max_pairs, 13, epoch))

    assert shown(1) == {"ind-Latn→min-Latn": 400, "jav-Latn→min-Latn": 20}
    assert shown(100)["jav-Latn→min-Latn"] > 380
    assert 60 < shown(2)["jav-Latn→min-Latn"] < 120
    assert shown(1, max_pairs=50) == {"ind-Latn→min-Latn": 50, "jav-Latn→min-Latn": 20}
    rounds = [number for epoch in range(8) for number in sampled(found, 1, 50, 13, epoch) if number < 400]
    assert sorted(rounds) == list(range(400)) and rounds != sorted(rounds)
    assert sampled(found, 2, 50, 13, 3) == sampled(found, 2, 50, 13, 3) != sampled(found, 2, 50, 14, 3)


def test_a_table_with_two_columns_and_files_line_by_line_give_the_same_pairs(tmp_path: Path) -> None:
    table = ["source\ttarget", *(f"{one.strip()}\t{other.strip()}" for one, other in zip(ENGLISH, OTHER, strict=True))]
    lines(tmp_path, "train.tsv", table)
    lines(tmp_path, "train.en", ENGLISH)
    lines(tmp_path, "train.min", OTHER)
    facts = "licence: CC0-1.0, source: written for this test"
    way = [("eng-Latn", "min-Latn")]
    one = read(tmp_path, f"{{files: {{train: train.tsv}}, {facts}}}")
    (tmp_path / "train.en").rename(tmp_path / "en.txt")
    (tmp_path / "train.min").rename(tmp_path / "min.txt")
    other = read(tmp_path, f"{{files: {{train: {{eng-Latn: en.txt, min-Latn: min.txt}}}}, {facts}}}")
    texts = [
        {
            (pair.source.fields["text"], pair.target.fields["text"])
            for split in (c.train, c.dev, c.test)
            for pair in pairs(split, way)
        }
        for c in (one, other)
    ]
    assert texts[0] == texts[1] and len(texts[0]) == 160
    for corpus in (one, other):
        assert {row.cluster for row in corpus.train}.isdisjoint(row.cluster for row in corpus.test)
        assert len(corpus.dev) > 0 and len(corpus.test) > 0


def test_files_of_unlike_length_are_refused_with_both_counts(tmp_path: Path) -> None:
    lines(tmp_path, "en.txt", ENGLISH)
    lines(tmp_path, "min.txt", OTHER[:-1])
    with pytest.raises(DataError, match=r"en.txt has 160, .*min.txt has 159"):
        read(tmp_path, "{files: {train: {eng-Latn: en.txt, min-Latn: min.txt}}, licence: CC0-1.0, source: mine}")


def test_empty_lines_keep_the_others_in_their_places(tmp_path: Path) -> None:
    other = ["" if number in (5, 7) else text for number, text in enumerate(OTHER)]
    lines(tmp_path, "en.txt", ENGLISH)
    lines(tmp_path, "min.txt", other)
    corpus = read(tmp_path, "{files: {train: {eng-Latn: en.txt, min-Latn: min.txt}}, licence: CC0-1.0, source: mine}")
    found = [
        pair for split in (corpus.train, corpus.dev, corpus.test) for pair in pairs(split, [("eng-Latn", "min-Latn")])
    ]
    assert len(found) == 158
    assert all(
        OTHER.index(next(o for o in OTHER if o.strip() == pair.target.fields["text"]))
        == ENGLISH.index(next(e for e in ENGLISH if e.strip() == pair.source.fields["text"]))
        for pair in found
    )


def test_a_mixture_keeps_its_sources_apart_and_uses_the_splits_asked_for(tmp_path: Path) -> None:
    for name in ("one", "two"):
        lines(tmp_path, f"{name}.en.txt", [f"{name} {text}" for text in ENGLISH])
        lines(tmp_path, f"{name}.min.txt", [f"{name} {text}" for text in OTHER])
    entries = [
        f"{{files: {{train: {{eng-Latn: {name}.en.txt, min-Latn: {name}.min.txt}}}}, licence: {licence}, source: mine{use}}}"
        for name, licence, use in (("one", "CC0-1.0", ""), ("two", "MIT", ", use: [train]"))
    ]
    corpus = read(tmp_path, "\n  - " + "\n  - ".join(entries))
    assert corpus.licence == "CC0-1.0 + MIT"
    assert all(row.fields["text"].startswith("one") for row in (*corpus.dev, *corpus.test))
    found = pairs(corpus.train, [("eng-Latn", "min-Latn")])
    assert {pair.source.fields["text"][:3] for pair in found} == {"one", "two"}
    assert all(pair.source.fields["text"][:3] == pair.target.fields["text"][:3] for pair in found)


def test_a_language_that_the_data_lack_is_refused(tmp_path: Path) -> None:
    lines(tmp_path, "en.txt", ENGLISH)
    lines(tmp_path, "min.txt", OTHER)
    data = "{files: {train: {eng-Latn: en.txt, min-Latn: min.txt}}, licence: CC0-1.0, source: mine}"
    with pytest.raises(
        DataError, match=r"task.target  the recipe says jav-Latn, but the data are in eng-Latn, min-Latn"
    ):
        read(tmp_path, data, target="jav-Latn")
    lines(tmp_path, "train.tsv", ["source\ttarget", "a\tb"])
    with pytest.raises(DataError, match="the task names more languages"):
        read(tmp_path, "{files: {train: train.tsv}, licence: CC0-1.0, source: mine}", target="all")
