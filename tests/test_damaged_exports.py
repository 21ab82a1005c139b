"""What is wrong with the files of an exported model is told in a line: nothing answers with it, and nothing trains over it."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from matrix import tried
from test_cache import bit_flipped
from test_decoder_runs import CLASSES, carried_out
from test_decoder_runs import base as base  # fixtures
from test_decoder_runs import data as data
from test_run_folder import prepared as prepared_reviews
from test_translate_run import prepared as prepared_pairs

from lowres.cli import main
from lowres.export import export, export_merged
from lowres.planning import Options
from lowres.running import run as run_recipe
from lowres.runs.run import Run
from lowres.tasks.engines import EXPORT_JSON

Command = Callable[..., tuple[int, list[str]]]
pytestmark = pytest.mark.usefixtures("one_process")
DAMAGES: dict[str, Callable[[Path], object]] = {
    "a bit": bit_flipped,
    "the end": lambda path: os.truncate(path, path.stat().st_size // 2),
    "all": lambda path: os.truncate(path, 0),
    "the file": Path.unlink,
}


def damaged(folder: Path, more: str) -> Iterator[str]:
    """Damage every file of a folder in every way, one after the other; `more` is the name of a file that is added."""
    sound = Path(shutil.copytree(folder, folder.with_name("sound")))
    paths = [
        path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "README.md"
    ]
    assert len(paths) >= 4
    for path in paths:
        for kind, damage in DAMAGES.items():
            damage(folder / path)
            yield f"{kind} of {path}"
            shutil.copy2(sound / path, folder / path)
    (folder / more).write_bytes(b"{}")
    yield f"{more} more"
    (folder / more).unlink()


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Carries out a command of lowres; its exit status, and the lines of what it says of faults."""

    def said(*asked: str) -> tuple[int, list[str]]:
        monkeypatch.setattr("sys.argv", ["lowres", *asked])
        monkeypatch.setattr("sys.excepthook", sys.excepthook)
        capsys.readouterr()
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0), capsys.readouterr().err.strip().splitlines()
        return 0, []

    return said


def machine(options: Options) -> list[str]:
    return ["--cache", str(options.cache), "--offline", "--threads", "1"]


def test_no_damaged_translator_of_ctranslate2_answers(
    tmp_path: Path, tiny_encoder: Path, options: Options, lines: Command
) -> None:
    recipe = prepared_pairs(tmp_path, tiny_encoder, "lora")
    text = recipe.read_text(encoding="utf-8").replace("both: true", "hints: off").replace("epochs: 3", "epochs: 1")
    recipe.write_text(f"{text}ensemble: {{phrase_table: off}}\n", encoding="utf-8")
    run = run_recipe(recipe, tmp_path / "out", options=options)
    folder, _ = export(run, "ctranslate2", 32)
    refuses_damage(run, folder, options, lines)


def test_no_damaged_decoder_of_ctranslate2_answers(data: Path, base: Path, options: Options, lines: Command) -> None:
    run = carried_out(data, base, options, CLASSES + ", by: label-words}")
    folder, _ = export(run, "ctranslate2", 32)
    refuses_damage(run, folder, options, lines)


def refuses_damage(run: Run, folder: Path, options: Options, lines: Command) -> None:
    """`lowres predict` refuses each damage, and answers where there is none."""
    asked = ["predict", str(run.folder), "the soup was warm", "--engine", "ctranslate2", *machine(options)]
    for kind in damaged(folder, "more.bin"):
        with tried("damaged exports", "refused in a line"):
            status, told = lines(*asked)
            assert status == 2 and len(told) == 1 and "export again" in told[0], (kind, told)
    path = folder / EXPORT_JSON
    sealed = path.read_bytes()
    facts = json.loads(sealed)
    for name, value in facts.items():
        other = {"more": "x"} if isinstance(value, dict) else not value if isinstance(value, bool) else f"{value}1"
        path.write_text(json.dumps({**facts, name: type(value)(other)}), encoding="utf-8")
        with tried("damaged exports", "refused in a line"):
            status, told = lines(*asked)
            assert status == 2 and len(told) == 1 and "export again" in told[0], (name, told)
    path.write_bytes(sealed)
    (folder / "README.md").unlink()
    assert lines(*asked) == (0, [])


def test_no_run_trains_over_a_damaged_checkpoint(
    tmp_path: Path, tiny_encoder: Path, options: Options, lines: Command
) -> None:
    recipe = prepared_reviews(tmp_path, tiny_encoder)
    first = run_recipe(recipe, tmp_path / "first", options=options)
    folder = export_merged(first)
    following = tmp_path / "following.yaml"
    following.write_text(recipe.read_text(encoding="utf-8").replace('"tiny"', '"first"'), encoding="utf-8")
    asked = ["check", str(following), *machine(options)]
    for kind in damaged(folder, "special_tokens_map.json"):
        with tried("damaged exports", "refused in a line"):
            status, told = lines(*asked)
            assert status == 2 and len(told) == 1 and "export again" in told[0], (kind, told)
    assert lines(*asked)[0] == 0
