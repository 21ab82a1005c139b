"""A run that is killed anywhere – before any file is opened, renamed or deleted, or just after – ends, by the same command, in the
same bytes.

Every write is tried; with LOWRES_FAULTS=some only one of every kind that any of these runs makes, and some more of each run.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from bases import write_base
from conftest import write_tsv
from forks import Fault, changes_of, copied_at, in_fork
from matrix import tried
from test_backtranslation import prepared as prepared_pairs
from test_backtranslation import write_nllb
from test_confidence import texts, toy
from test_run_folder import prepared
from test_translate_run import RECIPE as TRANSLATION
from transformers import PreTrainedTokenizerFast

from lowres.planning import Options
from lowres.running import run as run_recipe
from lowres.runs.run import read_record

EVERY = os.environ.get("LOWRES_FAULTS") != "some"
MORE_EPOCHS = {"epochs: 1": "epochs: 2", "batch_tokens: 256": "batch_tokens: 640"}
Prepare = Callable[
    [Path, Path], Path
]  # writes data and recipe into a folder, with the tiny encoder; the path of the recipe


def changed(recipe: Path, more: str, changes: dict[str, str]) -> Path:
    """A recipe with other words, and lines at its end."""
    text = recipe.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    recipe.write_text(f"{text}{more}", encoding="utf-8")
    return recipe


def classifier(method: str, **changes: str) -> Prepare:
    """Small reviews, by a method."""
    return lambda folder, base: changed(prepared(folder, base), f"method: {method}\n", MORE_EPOCHS | changes)


def translator(folder: Path, base: Path) -> Path:
    """With a phrase table, a glossary, and enough dev pairs for estimates of confidence."""
    for name, part in texts().items():
        most = {"": 60, ".dev": 52, ".test": 6}[name]
        (folder / f"en{name}.txt").write_text("\n".join(part[:most]) + "\n", encoding="utf-8")
        (folder / f"toy{name}.txt").write_text("\n".join(map(toy, part[:most])) + "\n", encoding="utf-8")
    (folder / "terms.tsv").write_text("source\ttarget\nsoup\tmira\n", encoding="utf-8")
    (folder / "recipe.yaml").write_text(TRANSLATION.format(base=base, method="decoder"), encoding="utf-8")
    changes = {", both: true": ", glossary: terms.tsv", "epochs: 3": "epochs: 1", "beams: 2": "beams: 1"}
    return changed(folder / "recipe.yaml", "", changes)


def back_translator(folder: Path, base: Path) -> Path:
    """Two rounds of back-translation, over a model that translates already."""
    options = Options(cache=folder / "cache", offline=True, device="cpu", threads=1)
    nllb = write_nllb(folder / "nllb", PreTrainedTokenizerFast.from_pretrained(str(base)))
    (folder / "learned").mkdir()
    learned = prepared_pairs(folder / "learned", nllb, section="epochs: 1")
    changed(learned, "", {"  back_translation: {epochs: 1}\n": "", "beams: 2": "beams: 1"})
    run_recipe(learned, folder / "learned" / "out", options=options)
    recipe = prepared_pairs(folder, Path("learned/out"), section="epochs: 1, rounds: 2, filter: length")
    return changed(recipe, "", {"epochs: 20": "epochs: 1", "beams: 2": "beams: 1"})


def pre_trained(folder: Path, base: Path) -> Path:
    """Plain text, and one checkpoint at the end."""
    recipe = prepared(folder, write_base("xlm-roberta", folder / "xlm-roberta"))
    for split in ("train", "dev", "test"):
        lines = (folder / f"{split}.tsv").read_text(encoding="utf-8").splitlines()[1:]
        (folder / f"{split}.txt").write_text("".join(line.split("\t")[0] + "\n" for line in lines), encoding="utf-8")
    task = {
        "kind: classification": "kind: pre-training, scored_words: 20",
        ".tsv": ".txt",
        "ensemble: {ngrams: off}\n": "",
    }
    return changed(recipe, "", task)


def staged(folder: Path, base: Path) -> Path:
    """Rows of another table first, with and without."""
    more = [
        (f"a {word} evening by the sea", "positive") for word in ("kind", "warm", "lovely", "clean", "friendly", "good")
    ]
    write_tsv(
        folder / "more.tsv", [*more, *((f"what {word} food", "negative") for word in ("cold", "bad", "ugly", "dirty"))]
    )
    data = "{files: {train: more.tsv}, language: eng-Latn, licence: CC0-1.0, source: written for this test}"
    return changed(
        prepared(folder, base), f"method: {{kind: full}}\nfirst: [{{kind: rows, epochs: 1, data: {data}}}]\n", {}
    )


# Each with the number of writes that are tried beside those of kinds that no run before has made.
RUNS: dict[str, tuple[Prepare, int]] = {
    "lora": (classifier("{kind: lora, dropout: 0.1}"), 12),
    "head": (classifier("{kind: features}"), 12),
    "full": (classifier("{kind: full}"), 12),
    "n-grams": (classifier("{kind: features}", **{"ensemble: {ngrams: off}\n": ""}), 2),
    "stages": (staged, 4),
    "translation": (translator, 2),
    "back-translation": (back_translator, 4),
    "pre-training": (pre_trained, 2),
}
TRIED_KINDS: set[str] = set()


def chosen(changes: list[str], more: int) -> list[int]:
    """The numbers of the changes to be killed at: one of each kind that was not tried before, and `more` at even distances."""
    if EVERY:
        return list(range(1, len(changes) + 1))
    kinds: dict[str, list[int]] = {}
    for number, change in enumerate(changes, start=1):
        kinds.setdefault(re.sub(r"\d+", "#", change), []).append(number)
    fresh = [numbers[len(numbers) // 2] for kind, numbers in kinds.items() if kind not in TRIED_KINDS]
    TRIED_KINDS.update(kinds)
    stride = max(1, len(changes) // max(1, more))
    return sorted({*fresh, *(range(1 + len(changes) % stride, len(changes) + 1, stride) if more else ())})


def result(out: Path) -> dict[str, str]:
    """Whatever must be the same: all of the model, alone and merged, and the predictions."""
    inside = [path for name in ("model", "merged") for path in (out / name).rglob("*")]
    files = [path for path in sorted(inside) if path.is_file() and path.name != "README.md"]
    digests = {str(path.relative_to(out)): path.read_bytes() for path in (*files, out / "predictions.jsonl")}
    return {name: hashlib.sha256(content).hexdigest() for name, content in digests.items()}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.usefixtures("eager", "one_process")
@pytest.mark.parametrize("kind", RUNS)
def test_a_run_that_is_killed_ends_in_the_same_bytes(
    kind: str, tmp_path: Path, tiny_encoder: Path, options: Options
) -> None:
    prepare, more = RUNS[kind]
    recipe = prepare(tmp_path, tiny_encoder)
    run_recipe(recipe, tmp_path / "first", options=options)  # what it loads, those that divide from this process have
    changes = changes_of(lambda: run_recipe(recipe, tmp_path / "whole", options=options), tmp_path / "whole")
    expected = result(tmp_path / "whole")
    assert len(changes) > 40
    rounds = read_record(tmp_path / "whole" / "record.json").back_translation
    assert len(rounds) == 2 * (kind == "back-translation") and all(one.kept for one in rounds)
    kinds: tuple[Fault, ...] = ("kill -9", "kill -9 in a write", "a power cut")
    faults = {change: kinds[change % 3] for change in chosen(changes, more)}

    def broken() -> None:
        copied_at(faults, out, tmp_path / "broken")
        run_recipe(recipe, out, options=options)

    out = tmp_path / "out"
    assert in_fork(broken) == 0
    for change, fault in faults.items():
        if not (tmp_path / "broken" / str(change)).exists():  # nothing had changed since the one before
            continue
        shutil.rmtree(out)
        (tmp_path / "broken" / str(change)).rename(out)
        happens = "the same command ends in the same bytes, without rubbish"
        with tried(f"{fault.removesuffix(' in a write')} at a write of a run: {kind}", happens):
            assert in_fork(lambda: run_recipe(recipe, out, options=options)) == 0, (fault, changes[change - 1])
            assert result(out) == expected, (fault, changes[change - 1])
            assert json.loads((out / "record.json").read_bytes())["status"] == "done"
            rubbish = [path.name for path in out.rglob("*") if path.name.startswith((".", "making-", "damaged-"))]
            assert not rubbish and not (out / "checkpoints").exists(), (fault, changes[change - 1], rubbish)
