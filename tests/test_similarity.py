"""Which language may lend its rows to another: languages that are written alike come first."""

import json
from pathlib import Path

import pytest
from bases import parallel
from click.testing import CliRunner

from lowres.cli import lowres
from lowres.languages.likeness import likeness


def texts(locale: str) -> list[str]:
    return [target for _, target in parallel(locale)]


@pytest.mark.parametrize(
    ("target", "related", "others"),
    [("ms", "id", ["fi", "tr", "hu", "uk"]), ("sk", "cs", ["fi", "tr", "id", "uk"]), ("kk", "ky", ["uk", "fi", "tr"])],
)
def test_related_languages_come_first(target: str, related: str, others: list[str]) -> None:
    best = likeness(texts(target), texts(related))
    for other in others:
        found = likeness(texts(target), texts(other))
        assert best.trigrams > found.trigrams and best.words > found.words, other


def test_the_same_texts_are_wholly_alike_and_none_are_not_at_all() -> None:
    some = texts("id")[:50]
    assert vars(likeness(some, some)) == pytest.approx({"trigrams": 100.0, "words": 100.0})
    assert vars(likeness(some, [])) == vars(likeness([], some)) == {"trigrams": 0.0, "words": 0.0}


def test_the_command_ranks_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for locale in ("ms", "id", "fi"):
        Path(f"{locale}.txt").write_text(
            "\n".join(text for text in texts(locale) if "\n" not in text), encoding="utf-8"
        )
    answer = CliRunner().invoke(lowres, ["advise", "sources", "ms.txt", "fi.txt", "id.txt", "ms.txt", "--json"])
    assert answer.exit_code == 0, answer.output
    facts = json.loads(answer.output)
    assert facts["target"] == "ms.txt" and [one["source"] for one in facts["sources"]] == ["id.txt", "fi.txt"]
    answer = CliRunner().invoke(lowres, ["advise", "sources", "ms.txt", "fi.txt", "id.txt"])
    assert answer.output.splitlines()[1].startswith("id.txt")
