"""The commands to start with: init writes recipes that check accepts, doctor says what works, explain says what a key does."""

import ast
import json
import os
import site
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import rows, write_tsv
from test_translate_run import TEXTS, toy

from lowres.cli import lowres
from lowres.cli.explaining import explainable, explained
from lowres.cli.health import EXTRAS, checks
from lowres.errors import LowresError
from lowres.recipe import open_recipe
from lowres.recipe.schema import recipe_schema
from lowres.score import SPREAD, smallest_difference

ROOT = Path(__file__).parent.parent
ABOUT = ("--licence", "CC0-1.0", "--source", "written for this test: by us")


def init(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(lowres, ["init", *arguments], input=typed, catch_exceptions=False)


def accepted(recipe: str = "recipe.yaml") -> dict[str, object]:
    """What `lowres check` says of a recipe that it accepts."""
    answer = CliRunner().invoke(
        lowres, ["check", recipe, "--offline", "--device", "cpu", "--json"], catch_exceptions=False
    )
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)  # type: ignore[no-any-return]


def test_a_table_with_labels_becomes_a_classifier(here: Path) -> None:
    lines = ["comment;mood;id", *(f'"{text}";{label};{number}' for number, (text, label) in enumerate(rows(0, 60)))]
    (here / "all.csv").write_text("\n".join(lines), encoding="utf-8")
    answer = init("all.csv", "--language", "eng-Latn", *ABOUT, "--name", "no: 5", "--task", "classification")
    assert answer.exit_code == 0, answer.output
    recipe = open_recipe(Path("recipe.yaml")).recipe
    assert recipe.name == "no: 5" and recipe.data.columns.text == "comment" and recipe.data.columns.label == "mood"
    assert "# Its labels: negative, positive." in (here / "recipe.yaml").read_text(encoding="utf-8")
    assert accepted()["rows"] == {"train": 96, "dev": 12, "test": 12} or sum(accepted()["rows"].values()) == 120  # type: ignore[attr-defined]


def test_what_is_left_open_is_asked_and_asked_again(here: Path) -> None:
    (here / "texts").mkdir()
    for split, span in (("train", (0, 50)), ("dev", (50, 55)), ("test", (55, 60))):
        write_tsv(here / "texts" / f"{split}.tsv", rows(*span))
    files = [f"texts/{split}.tsv" for split in ("dev", "train", "test")]
    answer = init(*files, typed="\nenglish\neng-Latn\n\nour own\n\n")
    assert (
        answer.exit_code == 0 and "Task (classification, translation, pre-training) [classification]" in answer.output
    )
    assert "did you mean “eng-Latn”?" in answer.output
    data = open_recipe(Path("recipe.yaml")).recipe.data
    assert (
        data.files == {split: f"texts/{split}.tsv" for split in ("dev", "train", "test")} and data.licence == "private"
    )
    assert accepted()["rows"] == {"train": 100, "dev": 10, "test": 10}


def test_text_files_in_two_languages_become_a_translator(here: Path) -> None:
    (here / "corpus.en").write_text("\n".join(TEXTS), encoding="utf-8")
    (here / "corpus.hsb").write_text("\n".join(map(toy, TEXTS)), encoding="utf-8")
    (here / "sub").mkdir()
    answer = init(
        "corpus.en",
        "corpus.hsb",
        "--from",
        "eng-Latn",
        "--to",
        "hsb-Latn",
        *ABOUT,
        "--out",
        "sub/mine.yaml",
        typed="\n\n",
    )
    assert answer.exit_code == 0, answer.output
    recipe = open_recipe(Path("sub/mine.yaml")).recipe
    assert recipe.data.files == {"train": {"eng-Latn": "../corpus.en", "hsb-Latn": "../corpus.hsb"}}
    assert sum(accepted("sub/mine.yaml")["pairs"].values()) == len(TEXTS)  # type: ignore[attr-defined]


def test_a_memory_needs_no_columns_and_plain_text_no_labels(here: Path) -> None:
    units = "".join(
        f'<tu><tuv xml:lang="en"><seg>{text}</seg></tuv><tuv xml:lang="hsb"><seg>{toy(text)}</seg></tuv></tu>\n'
        for text in TEXTS
    )
    (here / "memory.tmx").write_text(f"<tmx version='1.4'><body>{units}</body></tmx>", encoding="utf-8")
    pair = ("--from", "eng-Latn", "--to", "hsb-Latn", "--name", "x", "--task", "translation")
    assert init("memory.tmx", *pair, *ABOUT).exit_code == 0
    assert "columns" not in (here / "recipe.yaml").read_text(encoding="utf-8") and accepted()["pairs"]
    (here / "plain.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    answer = init("plain.txt", "--language", "eng-Latn", "--name", "x", *ABOUT, "--out", "plain.yaml", typed="\n")
    assert answer.exit_code == 0 and "[pre-training]" in answer.output and accepted("plain.yaml")["method"] == "lora"


def test_init_overwrites_nothing(here: Path) -> None:
    write_tsv(here / "train.tsv", rows(0, 30))
    (here / "recipe.yaml").write_text("mine", encoding="utf-8")
    with pytest.raises(LowresError, match=r"recipe.yaml  exists already"):
        CliRunner().invoke(lowres, ["init", "train.tsv"], catch_exceptions=False, standalone_mode=False)
    assert (here / "recipe.yaml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("training.epochs", "training.epochs: a whole number from 1 to 1000"),
        ("epochs", "training.epochs: a whole number from 1 to 1000"),
        ("method.rank", "method (lora).rank: a whole number from 1 to 512, by default 16"),
        ("base.quantize", "base.quantize: one of off, 8bit, 4bit, by default off"),
        ("data.files", "data (files).files: a section, required"),
        ("task", "task: a section, required"),
    ],
)  # fmt: skip
def test_explain_says_what_a_key_takes(key: str, expected: str) -> None:
    assert expected in explained(key)


def test_every_key_of_the_schema_can_be_explained() -> None:
    sections = recipe_schema()["properties"]
    for name in sections:
        assert explained(name)[0].startswith(f"{name}: ")
    assert all(any(line.startswith(f"    {name} ") for line in explained("recipe")) for name in sections)
    with pytest.raises(
        LowresError, match=r"epoch  is no key of a recipe, and no word of its report \(did you mean “epochs”\?\)"
    ):
        explained("epoch")


def test_words_of_reports_are_explained() -> None:
    """Whatever a report can give as its verdict or its primary metric is explained, however it is written."""
    from lowres.record import Transfer
    from lowres.report.page import EXPLAINED

    verdicts = Transfer.model_fields["verdict"].annotation.__args__
    for word in (*EXPLAINED, *(verdict for verdict in verdicts if verdict != "not tested")):
        assert explained(word.upper())[0].startswith(f"{word}: ")
    with pytest.raises(LowresError, match=r"interwal  is no key .* \(did you mean “interval”\?\)"):
        explained("interwal")


def test_every_code_of_a_finding_is_explained() -> None:
    """The codes that stand in the source, written as check shows them."""
    calls = (node for path in (ROOT / "lowres").rglob("*.py") for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    findings = [one for one in calls if isinstance(one, ast.Call) and getattr(one.func, "id", "") == "Finding"]
    codes = {
        value.value
        for call in findings
        for value in (*call.args[3:4], *(word.value for word in call.keywords if word.arg == "code"))
        if isinstance(value, ast.Constant)
    }
    assert {"small-test", "contamination", "language-token"} <= codes
    for code in codes:
        assert explained(code)[0].partition(":")[0].replace(" ", "-") == code


def test_check_says_what_a_small_test_split_can_show(here: Path) -> None:
    files = "{train: train.tsv, dev: dev.tsv, test: test.tsv}"
    about = "language: eng-Latn\n  licence: CC0-1.0\n  source: written for this test"
    recipe = f"lowres: 2\nname: Small\ntask: {{kind: classification}}\ndata:\n  files: {files}\n  {about}\n"
    (here / "recipe.yaml").write_text(recipe, encoding="utf-8")
    every = rows(0, 140)
    write_tsv(here / "train.tsv", every[:40])
    write_tsv(here / "dev.tsv", every[40:50])
    said = {}
    for count in (12, 199, 200):
        write_tsv(here / "test.tsv", every[50 : 50 + count])
        findings: list[dict[str, str]] = accepted()["findings"]  # type: ignore[assignment]
        said[count] = [finding["what"] for finding in findings if finding["code"] == "small-test"]
    what = "a difference of less than about 32 points of macro-F1 looks like chance (200 texts show 8)"
    assert said[12] == [f"test has 12 independent texts: {what}"]
    assert said[199] and not said[200]


def test_the_page_about_test_sizes_says_what_check_computes() -> None:
    lines = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8").split("## Probabilities")[0].splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert table[0][1:] == list(SPREAD) and len(table) > 5
    for count, *shown in table[2:]:
        number = int(count.replace(" ", ""))
        assert shown == [f"{smallest_difference(metric, number):.0f}" for metric in SPREAD]


def test_advice_to_install_names_the_pip_of_this_python(tmp_path: Path) -> None:
    """A venv that is not activated, one that is, and one of pipx."""
    advice = 'needs gradio (pip install "lowres[demo]")'
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "two words")], check=True)
    python = tmp_path / "two words" / "bin" / "python"
    ask = "import sys; from lowres.cli.own_pip import with_own_pip; print(with_own_pip(sys.argv[1]))"

    def told(path: str, folder: Path = ROOT) -> str:
        variables = {**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join([str(ROOT), *site.getsitepackages()])}
        command = [python, "-c", ask, advice]
        return subprocess.run(
            command, cwd=folder, env=variables, check=True, capture_output=True, text=True
        ).stdout.strip()

    assert told("/usr/bin") == f"needs gradio ('{python}' -m pip install \"lowres[demo]\")"
    assert told("/usr/bin", tmp_path) == "needs gradio ('two words/bin/python' -m pip install \"lowres[demo]\")"
    pip = python.with_name("pip")
    pip.write_text("#!/bin/sh\n", encoding="utf-8")
    pip.chmod(0o755)
    assert told(f"{python.parent}:/usr/bin") == advice
    (tmp_path / "two words" / "pipx_metadata.json").write_text("{}", encoding="utf-8")
    assert told("/usr/bin") == "needs gradio (pipx runpip 'two words' install \"lowres[demo]\")"


def test_doctor_finds_a_whole_installation_and_says_what_to_add(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {check.name: check for check in checks(tmp_path)}
    assert (
        found["Python"].works
        and found["packages"].works
        and found["device"].works
        and found["cache"].what.endswith("starters")
    )
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(EXTRAS) == set(extras) - {
        "dev",
        "docs",
        "quickstart",
    }  # which only name others, or are for those who work on lowres
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "file").write_text("", encoding="utf-8")
    found = {check.name: check for check in checks(tmp_path)}
    assert found["hub"].works is None and found["hub"].remedy == "unset HF_HUB_OFFLINE"
    answer = CliRunner().invoke(lowres, ["doctor"], catch_exceptions=False)
    assert answer.exit_code == 0 and "ok  Python" in answer.output


def test_doctor_names_a_package_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.requires", lambda name: ["click>=99", "no-such-package>=1"])
    found = next(check for check in checks() if check.name == "packages")
    assert found.works is False and "click is" in found.what and "no-such-package is missing" in found.what
    assert found.remedy == "pip install --upgrade lowres"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("lowres do", ["plain,doctor"]),
        ("lowres run zero", ["plain,zero-shot-sentiment"]),
        ("lowres check my-", ["file,my-"]),
        ("lowres advise leave-one-out which", ["plain,which-language"]),
        ("lowres explain vocabulary.ex", ["plain,vocabulary.extend"]),
        ("lowres explain small", ["plain,small-test"]),
    ],
)
def test_the_shell_completes_commands_recipes_and_words(typed: str, expected: list[str]) -> None:
    environment = {
        "_LOWRES_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    answer = CliRunner().invoke(lowres, prog_name="lowres", env=environment)
    assert answer.output.split("\n")[:-1] == expected


def test_what_is_completed_can_be_explained() -> None:
    for name in explainable():
        assert explained(name)
