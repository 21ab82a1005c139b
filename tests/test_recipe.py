"""The recipe: what is read, what is refused and in which words, the schema, the lock.

tests/golden/recipe holds pairs: NAME.yaml and, in NAME.txt, all that the reader says to it. After a change of wording
run `python tests/test_recipe.py`, then read every changed line of the golden files.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from jsonschema import Draft202012Validator  # the schema's readers are other people's programs; so is this one
from pydantic import Field, ValidationError
from ruamel.yaml import YAML

from lowres.errors import RecipeError
from lowres.recipe import (
    open_recipe,
    parse_recipe,
    read_recipe,
    recipe_schema,
)
from lowres.recipe.data_section import CardData, Columns, FileData, HubData
from lowres.recipe.methods import Full, Lora
from lowres.recipe.reader import validate
from lowres.recipe.section import Section
from lowres.recipe.strict import MAX_BYTES, parse

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden" / "recipe"
BAD = sorted(path.stem for path in GOLDEN.glob("*.yaml"))
SHIPPED = sorted((ROOT / "recipes").glob("*.yaml"))

WHOLE = """\
# Every kind of value once.
lowres: 2
name: "007"
description: >
  Two lines,
  folded.
task: {kind: classification, language: nor-Latn, labels: [yes, no, "1", 'null']}
data:
  card: nusax-sentiment
  subset: [ace, min]
  columns: {text: tekst, id: nr}
  limit: 500
base: {name: owner/name, revision: 0123456789abcdef0123456789abcdef01234567, pooling: mean}
method: {kind: lora, rank: 8, alpha: 16, dropout: .1, modules: attention}
training: {epochs: 3, learning_rate: 1e-4, seed: 0}
ensemble: {ngrams: off}
evaluation: {confidence: 0.9, baselines: false}
"""
LEAST = "lowres: 2\nname: x\ntask: {kind: classification}\ndata: {card: c}\n"


def said(path: str | Path) -> str:
    """What the reader says to a file."""
    with pytest.raises(RecipeError) as refusal:
        open_recipe(path)
    return f"{refusal.value}\n"


def said_to(text: str) -> str:
    with pytest.raises(RecipeError) as refusal:
        parse_recipe(text, "r.yaml")
    return str(refusal.value)


# What is refused, and in which words


@pytest.mark.parametrize("name", BAD)
def test_golden_refusal(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN)
    assert said(f"{name}.yaml") == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_every_golden_text_has_its_recipe() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.txt")) == BAD
    assert len(BAD) > 30


def test_missing_file_suggests_its_neighbour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert said("sentiment.yaml") == "sentiment.yaml  there is no such file (there is no .yaml file in .)\n"
    Path("sentiments.yaml").write_text(LEAST, encoding="utf-8")
    assert said("sentiment.yaml") == "sentiment.yaml  there is no such file (did you mean “sentiments.yaml”?)\n"
    assert said("other.yml") == "other.yml  there is no such file (it holds sentiments.yaml)\n"
    assert said("no/r.yaml") == "no/r.yaml  there is no such file (there is no folder no either)\n"


def test_folder_and_unreadable_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.yaml").mkdir()
    assert said("folder.yaml") == "folder.yaml  is a folder, not a file (there is no .yaml file in folder.yaml)\n"
    assert "cannot be read: " in said("a\0b.yaml")
    assert "cannot be read: " in said("x" * 5000)


def test_too_big(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("big.yaml").write_text(LEAST + "#" * (MAX_BYTES - len(LEAST)), encoding="utf-8")
    assert open_recipe("big.yaml").recipe.name == "x"
    Path("big.yaml").write_text(LEAST + "#" * (MAX_BYTES + 1 - len(LEAST)), encoding="utf-8")
    assert said("big.yaml") == "big.yaml  has more than 262,144 bytes (is this the right file?)\n"


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_endless_file_is_not_read_to_its_end() -> None:
    assert said("/dev/zero") == "/dev/zero  has more than 262,144 bytes (is this the right file?)\n"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("true", "“true” is not possible (possible: 2)"),
        ("1.0", "“1.0” is not possible (possible: 2)"),
        ("0", "“0” is not possible (possible: 2)"),
        ("[1]", "a list stands here (possible: 2)"),
        ("", "has no value (possible: 2)"),
        ("99999999999", "this recipe is of format 99999999999, and this lowres reads format 2"),
    ],
)
def test_other_versions(value: str, words: str) -> None:
    assert f"lowres: {words}" in said_to(LEAST.replace("lowres: 2", f"lowres: {value}"))


def test_problems_come_once_each_and_in_the_order_of_the_lines() -> None:
    places = [line.split("  ")[0] for line in said(GOLDEN / "several-problems.yaml").splitlines()]
    lines = [int(place.split(":")[-2]) for place in places]
    assert lines == sorted(lines)
    assert len(set(places)) == len(places) == 9


def test_a_section_that_yaml_could_not_give_is_not_blamed_twice() -> None:
    text = LEAST + "training: {max_grad_norm: .inf, epochs: 99999999999999999999, patience: 0}\n"
    found = said_to(text).splitlines()
    assert [line.split("  ")[1].split(":")[0] for line in found] == [
        "training.max_grad_norm",
        "training.epochs",
        "training.patience",
    ]


class One(Section):
    """A section of one kind."""

    kind: Literal["one"]
    size: int = Field(default=1, ge=1)


class Two(Section):
    """And another."""

    kind: Literal["two", "zwei"]
    names: str | tuple[str, ...] = "all"
    more: dict[str, tuple[int, ...]] = Field(default={})
    files: dict[Literal["train", "dev"], str | dict[str, str]] = Field(default={})


class Single(Section):
    """A format whose part has one kind."""

    part: One


class Several(Section):
    """The same format after another kind has come."""

    part: Annotated[One | Two, Field(discriminator="kind")]


@pytest.mark.parametrize(
    ("text", "single", "several"),
    [
        (
            "part: {kind: on}",
            "r:1:14  part.kind: “on” is not possible (did you mean “one”? possible: one)",
            "r:1:14  part.kind: “on” is not possible (did you mean “one”? possible: one, two, zwei)",
        ),
        (
            "part: {size: 1}",
            "r:1:7  part.kind: is missing (possible: one)",
            "r:1:7  part.kind: is missing (possible: one, two, zwei)",
        ),
        ("part: {kind: one, size: 0}",) + ("r:1:25  part.size: 0 is out of range (at least 1)",) * 2,
        (
            "part: {kind: one, one: 1}",
            "r:1:19  part.one: unknown key (possible: kind, size)",
            "r:1:19  part.one: unknown key (possible: kind, size)",
        ),
        (
            "part: {kind: 1}",
            "r:1:14  part.kind: “1” is not possible (possible: one)",
            "r:1:14  part.kind: “1” is not possible (possible: one, two, zwei)",
        ),
        (
            "part: {kind: }",
            "r:1:8  part.kind: has no value (possible: one)",
            "r:1:8  part.kind: has no value (possible: one, two, zwei)",
        ),
        (
            "part: {kind: [one]}",
            "r:1:14  part.kind: a list stands here (possible: one)",
            "r:1:14  part.kind: a list stands here (possible: one, two, zwei)",
        ),
        (
            "part: one",
            "r:1:7  part: “one” is not a section (write part: {kind: one})",
            "r:1:7  part: “one” is not a section (write part: {kind: one}; possible: one, two, zwei)",
        ),
        (
            "part: [one]",
            "r:1:7  part: a list stands where a section is needed (write part: {kind: one})",
            "r:1:7  part: a list stands where a section is needed (write part: {kind: one}; possible: one, two, zwei)",
        ),
    ],
)
def test_words_are_the_same_for_one_kind_and_for_several(text: str, single: str, several: str) -> None:
    for model, expected in ((Single, single), (Several, several)):
        with pytest.raises(RecipeError) as refusal:
            validate(model, parse(text, "r"))
        assert str(refusal.value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("names: [a, 1, [b]]", ["names, item 2: “1” is read as a number", "names, item 3: a list stands where text"]),
        ("names: 1", ["names: “1” is read as a number"]),
        ("names: {a: b}", ["names: a section stands where text or a list is needed"]),
        ('more: {"[key]": [1, x]}', ["more.[key], item 2: “x” is not a whole number"]),
        ("files: {trian: a, dev: {text: 1}}", ["files.trian: unknown key", "files.dev.text: “1” is read as a number"]),
        ("files: {train: [a], dev: 3}", ["files.train: a list stands where text or a", "files.dev: “3” is read as"]),
        ("more: {str: 1}", ["more.str: “1” is not a list"]),
    ],
)
def test_only_what_was_meant_is_blamed(text: str, expected: list[str]) -> None:
    with pytest.raises(RecipeError) as refusal:
        validate(Several, parse(f"part:\n  kind: two\n  {text}", "r"))
    found = [problem.what.removeprefix("part.") for problem in refusal.value.problems]
    assert len(found) == len(expected)
    assert all(what.startswith(start) for what, start in zip(found, expected, strict=True))


# What is read


def test_whole_recipe_is_read_exactly() -> None:
    recipe = parse_recipe(WHOLE, "r.yaml")
    assert recipe.name == "007"
    assert recipe.description == "Two lines, folded.\n"
    assert recipe.task.labels == ("yes", "no", "1", "null")
    columns = Columns(text="tekst", id="nr")
    assert recipe.data == CardData(card="nusax-sentiment", subset=("ace", "min"), columns=columns, limit=500)
    assert recipe.base.revision == "0123456789abcdef0123456789abcdef01234567"
    assert recipe.method == Lora(kind="lora", rank=8, alpha=16, dropout=0.1, modules="attention")
    assert recipe.training.model_dump(exclude_defaults=True) == {"epochs": 3, "learning_rate": 1e-4, "seed": 0}
    assert isinstance(recipe.training.learning_rate, float)
    assert (recipe.ensemble.ngrams, recipe.evaluation.confidence, recipe.evaluation.baselines) == ("off", 0.9, False)


def test_what_is_left_out_has_its_default() -> None:
    recipe = parse_recipe(LEAST, "r.yaml")
    assert recipe.base.name == "starter:encoder"
    assert recipe.method == Lora(kind="lora")
    assert recipe.training.epochs == parse_recipe(LEAST + "training: {}\n", "r.yaml").training.epochs
    assert recipe.languages == ()


def test_every_form_of_data() -> None:
    own = "data: {files: {train: a.tsv}, language: hsb-Latn, licence: private, source: my notes}\n"
    hub = f"data: {{hub: owner/name, revision: {'0a' * 20}, language: hsb-Latn, licence: CC0-1.0}}\n"
    head = LEAST.replace("data: {card: c}\n", "")
    assert isinstance(parse_recipe(head + own, "r").data, FileData)
    assert isinstance(parse_recipe(head + hub, "r").data, HubData)
    number = said_to(head + hub.replace("0a", "00"))
    assert "data.revision: “0" in number
    assert "write it in quotes" in number
    assert isinstance(parse_recipe(LEAST + "method: {kind: full}\n", "r").method, Full)
    with_task = head.replace("classification}", "classification, language: dsb-Latn}")
    assert parse_recipe(with_task + own, "r").languages == ("dsb-Latn", "hsb-Latn")


def test_a_recipe_cannot_be_changed() -> None:
    recipe = parse_recipe(WHOLE, "r.yaml")
    with pytest.raises(ValidationError, match="frozen"):
        recipe.name = "other"
    with pytest.raises(ValidationError, match="frozen"):
        recipe.training.epochs = 5


@pytest.mark.parametrize(
    "raw", [LEAST.encode(), b"\xef\xbb\xbf" + LEAST.encode(), LEAST.replace("\n", "\r\n").encode()]
)
def test_exact_bytes_are_kept(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(raw)
    file = open_recipe(path)
    assert file.text.encode() == raw
    assert file.sha256 == hashlib.sha256(raw).hexdigest()
    assert file.recipe == read_recipe(str(path)) == parse_recipe(LEAST, "r")
    assert file.path == path
    with pytest.raises(ValidationError, match="frozen"):
        file.text = ""


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"), ("NO", "NO"), ("on", "on"), ("true", True), ("True", True), ("FALSE", False), ("~", None),
        ("null", None), ("", None), ("1", 1), ("-0", 0), ("+12", 12), ("010", 10), ("0x1F", 31), ("0o17", 15),
        ("000000000000000000000000001", 1), ("1_000", "1_000"), ("1e-4", 1e-4), ("1E3", 1000.0), (".5", 0.5),
        ("1.", 1.0), ("-.5e+1", -5.0), ("12:30", "12:30"), ("2026-01-01", "2026-01-01"), ("0.1.2", "0.1.2"),
        ("'1'", "1"), ('"no"', "no"), ('""', ""), ("e5", "e5"), ("1e", "1e"), (".", "."), ("=", "="),
    ],
)  # fmt: skip
def test_scalars_mean_what_yaml_1_2_says(written: str, value: object) -> None:
    document = parse(f"key: {written}\n", "r")
    assert not document.problems
    assert document.data["key"] == value
    assert type(document.data["key"]) is type(value)


@pytest.mark.parametrize("text", ["name: ${HOME}", "name: $(id)", "name: '{{ env.HOME }}'", "name: !!str"])
def test_nothing_is_filled_in(text: str) -> None:
    if "!!" in text:
        assert "is a tag" in said_to(LEAST.replace("name: x", text))
    else:
        assert parse_recipe(LEAST.replace("name: x", text), "r").name == text.removeprefix("name: ").strip("'")


EVIL = {
    "only brackets": "[" * 200_000,
    "only braces": "{" * 200_000,
    "only dashes": "- " * 100_000,
    "only question marks": "? " * 100_000,
    "only quotes": '"' * 250_000,
    "only colons": ":" * 250_000,
    "deep under a key": "name: " + "{a: " * 50_000,
    "a very long key": "k" * 250_000 + ": 1",
    "a very long value": LEAST.replace("name: x", "name: " + "x" * 250_000),
    "many unknown keys": LEAST + "".join(f"key{number}: 1\n" for number in range(2000)),
    "a language that is NUL": LEAST.replace("classification}", 'classification, language: "\\0"}'),
    "escape beyond unicode": 'name: "\\U00110000"',
    "unknown yaml version": "%YAML 1.7\n---\n" + LEAST,
    "a second version": LEAST + "...\n%YAML 9.9\n---\n" + LEAST,
    "a million digits": LEAST + "training: {seed: " + "9" * 200_000 + "}\n",
    "a million zeros": LEAST + "training: {epochs: " + "0" * 200_000 + "}\n",
    "infinity": LEAST + "training: {max_grad_norm: -.INF}\n",
    "not a number": LEAST + "training: {max_grad_norm: .NaN}\n",
    "self reference": "name: &a [*a]",
    "unknown alias": "name: *nobody",
    "binary tag": "name: !!binary aGVsbG8=",
    "local tag": "name: !include /etc/passwd",
    "verbatim tag": "name: !<tag:yaml.org,2002:python/name:os.system> x",
    "set": "name: !!set {a, b}",
    "merge": "task:\n  <<: {kind: classification}\n",
    "mapping as key": "{a: b}: c",
    "null as key": "~: 1\n: 2\n? \n",
    "keys that meet": '1: a\n"1": b\n',
    "names of members": LEAST.replace("{card: c}", "{card: c, card2: {str: 1}, CardData: 1}"),
    "null character": "name: a\0b",
    "bell": "name: \a",
    "half a pair": LEAST.replace("name: x", 'name: "\\udfff"') + '"\\ud800": 1\n',
    "right to left override": LEAST + "\u202egnp.exe: 1\n",
    "escape sequence": LEAST + '"\\e]0;owned\\a": 1\n',
    "newline in key": LEAST + '"a\\nb.yaml:1:1  all is well": 1\n',
    "only a mark": "\ufeff",
    "only spaces": "  \n \n",
    "end of a document": "...\n",
    "a comment": "#",
    "next line": "name: x\x85task: {}",
}


@pytest.mark.parametrize("name", EVIL)
def test_evil_text_is_refused_in_words(name: str) -> None:
    with pytest.raises(RecipeError) as refusal:
        parse_recipe(EVIL[name], "r.yaml")
    assert refusal.value.problems
    for problem in refusal.value.problems:
        line = str(problem)
        assert line.startswith("r.yaml")
        assert line.isprintable(), "a message must not steer the terminal or break its line"
        assert len(line) < 700
        assert "pydantic" not in line
        assert "Input should" not in line
    assert len(refusal.value.problems) <= 2000


def test_unreadable_text_has_one_problem() -> None:
    for name in ("only brackets", "self reference", "escape beyond unicode", "bell", "deep under a key"):
        assert "\n" not in said_to(EVIL[name])


# The schema


def plain_yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


def test_schema_and_reader_agree() -> None:
    validator = Draft202012Validator(recipe_schema())
    for text in (WHOLE, LEAST):
        assert validator.is_valid(YAML(typ="safe", pure=True).load(text))
    refused = (
        "unknown-key", "wrong-type", "unquoted", "missing-keys", "unknown-kind", "no-kind", "out-of-range",
        "no-data-form", "two-data-forms", "another-kind", "own-files", "hub", "newer-format", "quoted-version",
    )  # fmt: skip
    for name in refused:
        assert not validator.is_valid(plain_yaml(GOLDEN / f"{name}.yaml")), name


# The room


def test_the_room_is_light() -> None:
    heavy = ("torch", "transformers", "numpy", "pandas", "jsonschema", "langcodes")
    code = f"import sys, lowres.recipe; print(*[name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT
    )
    assert answer.stdout.strip() == ""


def _write_golden() -> None:
    os.chdir(GOLDEN)
    for name in BAD:
        Path(f"{name}.txt").write_bytes(said(f"{name}.yaml").encode())


if __name__ == "__main__":
    _write_golden()
