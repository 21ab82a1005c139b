"""A training that is cut off in an epoch and goes on ends in the same bytes, with dropout, for every task and family of methods."""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from bases import parallel, write_base
from conftest import rows, write_tsv
from decoder_bases import write_decoder
from matrix import tried

from lowres.errors import Interrupted
from lowres.planning import Options
from lowres.recipe.methods import METHOD_FACTS
from lowres.running import run as run_recipe
from lowres.runs.run import model_files
from lowres.runs.writing import Event, Stage
from lowres.training.loop import Step

RECIPE = """\
lowres: 2
name: Exact
task: {task}
data: {data}
base: {{name: {base}}}
vocabulary: {{extend: off, trim: off}}
method: {method}
training: {{epochs: 2, learning_rate: 0.003, batch_tokens: {batch_tokens}, max_length: {max_length}, patience: 100, seed: 7{dropout}}}
evaluation: {{resamples: 100}}
{more}"""
# Every kind of method, with dropout of its own where it has one.
METHODS = {
    "lora": "{kind: lora, rank: 4, dropout: 0.1}",
    "oft": "{kind: oft, block_size: 4}",
    "ia3": "{kind: ia3}",
    "adalora": "{kind: adalora, rank: 4, dropout: 0.1}",
    "bottleneck": "{kind: bottleneck, reduction_factor: 4, dropout: 0.1}",
    "full": "{kind: full}",
    "freeze": "{kind: freeze, layers: 1}",
    "features": "{kind: features}",
    "head": "{kind: head}",
    "decoder": "{kind: decoder}",
}
# Ways of a method that keep other weights or another state.
WAYS = {
    "dora": "{kind: lora, rank: 4, dora: true, dropout: 0.1}",
    "pissa": "{kind: lora, rank: 4, init: pissa}",
    "invertible": "{kind: bottleneck, style: houlsby, invertible: true, dropout: 0.1}",
    "parallel": "{kind: bottleneck, style: parallel, dropout: 0.1}",
    "gradual": "{kind: freeze, layers: 2, gradual: true}",
}
OUTSIDE = ("features", "head")  # train nothing inside the base, where dropout would be
OWN = "licence: CC0-1.0, source: written for this test"
LABELLED = f"{{files: {{train: train.tsv, dev: dev.tsv, test: test.tsv}}, language: eng-Latn, {OWN}}}"
PLAIN = f"{{files: {{train: train.txt, dev: dev.txt, test: test.txt}}, language: eng-Latn, {OWN}}}"
ASKED = f"{{files: {{train: train.qa.tsv, dev: dev.qa.tsv, test: test.qa.tsv}}, columns: {{text: text, answer: answer}}, {OWN}}}"
PAIRED = (
    "{files: {train: {eng-Latn: en.txt, ind-Latn: id.txt}, dev: {eng-Latn: en.dev.txt, ind-Latn: id.dev.txt}, "
    f"test: {{eng-Latn: en.test.txt, ind-Latn: id.test.txt}}}}, {OWN}}}"
)
ODD = PAIRED.replace("en.txt", "en.odd.txt").replace("id.txt", "id.odd.txt")
ALONE = f"{{files: {{train: id.mono.txt}}, language: ind-Latn, {OWN}, use: [train]}}"
FIRST = (
    f"first:\n  - {{kind: texts, epochs: 1, keep: always, data: {{files: {{train: train.txt}}, language: eng-Latn, {OWN}}}}}\n"
    f"  - {{kind: rows, epochs: 1, data: {{files: {{train: more.tsv}}, language: eng-Latn, {OWN}}}}}\n"
)
NOT_LORA = tuple(method for method in METHODS if method != "lora")
CLASSIFY, INTO = "{kind: classification, language: eng-Latn", "{kind: translation, source: eng-Latn, target: ind-Latn"
NO_NGRAMS, GREEDY = "ensemble: {ngrams: off}\n", "ensemble: {phrase_table: off}\ndecoding: {beams: 1}\n"


@dataclass(frozen=True)
class Case:
    """A task of a recipe with its data and base, the rest of the recipe, and methods that do not go with it."""

    task: str
    data: str
    base: str
    more: str = ""
    batch_tokens: int = 160
    without: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The kind of its task."""
        return self.task.removeprefix("{kind: ").partition(",")[0]

    def methods(self) -> list[str]:
        """The kinds of methods that it can be done with."""
        return [
            method
            for method in METHODS
            if self.kind in METHOD_FACTS[method].tasks
            and method not in self.without
            and (self.base == "m2m100" or not METHOD_FACTS[method].decoder)
        ]


MANY = f"{{files: {{train: {{eng-Latn: en.many.txt, ind-Latn: id.many.txt}}}}, {OWN}}}"
BACK = "back_translation: {rounds: 2, filter: length, epochs: 1}"
CASES = {
    "classification": Case(f"{CLASSIFY}}}", LABELLED, "xlm-roberta", NO_NGRAMS),
    "classification after stages": Case(
        f"{CLASSIFY}}}", LABELLED, "xlm-roberta", NO_NGRAMS + FIRST, 160, (*OUTSIDE, "adalora")
    ),
    "classification beside translations": Case(
        f"{CLASSIFY}, translate_into: ind-Latn, parallel: {MANY}}}",
        LABELLED,
        "xlm-roberta",
        NO_NGRAMS,
        300,
        NOT_LORA,
    ),
    "classification by a decoder's head": Case(f"{CLASSIFY}, by: head}}", LABELLED, "smollm2", NO_NGRAMS, 400),
    "classification by label words": Case(f"{CLASSIFY}, by: label-words}}", LABELLED, "smollm2", "", 600, OUTSIDE),
    "translation": Case(f"{INTO}, hints: off, denoise: 0.2}}", f"[{PAIRED}, {ALONE}]", "m2m100", GREEDY),
    "back-translation": Case(f"{INTO}, both: true, hints: off, {BACK}}}", f"[{ODD}, {ALONE}]", "m2m100", GREEDY, 300),
    "translation by a decoder": Case(f"{INTO}, hints: off}}", PAIRED, "smollm2", GREEDY, 600),
    "pre-training": Case("{kind: pre-training, language: eng-Latn, scored_words: 20}", PLAIN, "xlm-roberta"),
    "pre-training of an encoder-decoder": Case(
        "{kind: pre-training, language: eng-Latn, scored_words: 20}", PLAIN, "mt5", without=("decoder",)
    ),
    "pre-training of a decoder": Case("{kind: pre-training, language: eng-Latn, scored_words: 20}", PLAIN, "smollm2"),
    "generation of answers": Case("{kind: generation, language: eng-Latn}", ASKED, "smollm2", "", 500),
    "generation of continuations": Case("{kind: generation, language: eng-Latn}", PLAIN, "smollm2"),
}
CELLS = [
    *((case, method) for case in CASES for method in CASES[case].methods()),
    *(("classification", way) for way in WAYS),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small data of every kind, and bases beside them."""
    folder = tmp_path_factory.mktemp("exact")
    for split, (start, stop) in {"train": (0, 14), "dev": (14, 17), "test": (17, 20), "more": (20, 30)}.items():
        table = rows(start, stop)
        write_tsv(folder / f"{split}.tsv", table)
        (folder / f"{split}.txt").write_text("".join(f"{text}\n" for text, _ in table), encoding="utf-8")
        lines = ["text\tanswer", *(f"{text}\t{' '.join(text.split()[:3])}" for text, _ in table)]
        (folder / f"{split}.qa.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    pairs = [pair for pair in parallel("id") if 4 < len(pair[0].split()) < 9][:80]
    long = " ".join(source for source, _ in pairs[:2])
    odd = [(short, long) for short in "ai"] + [(long, short) for short in "ai"]  # so that no length is unusual
    for name, part in {
        "": pairs[:24],
        ".odd": [*pairs[:24], *odd],
        ".dev": pairs[24:28],
        ".test": pairs[28:32],
        ".mono": pairs[32:46],
        ".many": pairs,
    }.items():
        for language, side in (("en", 0), ("id", 1)):
            (folder / f"{language}{name}.txt").write_text("".join(f"{pair[side]}\n" for pair in part), encoding="utf-8")
    for name in ("xlm-roberta", "m2m100", "mt5"):
        write_base(name, folder / name)
    write_decoder("smollm2", folder / "smollm2")
    return folder


class EnoughError(Exception):
    """Training is over, and its result is saved: nothing of what follows is looked at here."""


def trained(recipe: Path, out: Path, options: Options, cut: int | None = None) -> list[float]:
    """Carry out a recipe until its model is saved, or its training is cut off after so many updates; the epochs of the updates."""
    epochs: list[float] = []

    def watch(event: Event) -> None:
        if isinstance(event, Stage) and event.name == "evaluation":
            raise EnoughError
        if isinstance(event, Step):
            epochs.append(event.epoch)
            if len(epochs) == cut:
                raise KeyboardInterrupt

    with pytest.raises(EnoughError if cut is None else Interrupted):
        run_recipe(recipe, out, options=options, notify=watch)
    return epochs


def recipe_of(cell: tuple[str, str], project: Path) -> Path:
    """The recipe of a case with a method, in the project."""
    case, method = CASES[cell[0]], cell[1]
    recipe = project / f"{'-'.join(cell).replace(' ', '-')}.yaml"
    text = RECIPE.format(
        task=case.task, data=case.data, base=case.base, method={**METHODS, **WAYS}[method], more=case.more,
        batch_tokens=case.batch_tokens, max_length=100 if case.base == "smollm2" else 60,
        dropout="" if method in OUTSIDE else ", dropout: 0.1",
    )  # fmt: skip
    recipe.write_text(text, encoding="utf-8")
    return recipe


def contents(folder: Path) -> dict[str, object]:
    """What a model folder holds. Of safetensors, header and weights apart: PEFT gives pissa two remarks, which come in any order."""
    found: dict[str, object] = {}
    for name, digest in model_files(folder).items():
        found[name] = digest
        if name.endswith(".safetensors"):
            data = (folder / name).read_bytes()
            end = 8 + int.from_bytes(data[:8], "little")
            found[name] = json.loads(data[8:end]), data[end:]
    return found


@pytest.mark.parametrize("cell", CELLS, ids=" with ".join)
def test_what_is_cut_off_in_an_epoch_ends_in_the_same_bytes(
    cell: tuple[str, str], project: Path, tmp_path: Path, options: Options
) -> None:
    recipe = recipe_of(cell, project)
    whole = trained(recipe, tmp_path / "whole", options)
    within = [number for number, epoch in enumerate(whole, start=1) if epoch % 1 > 0.01]  # not at the end of an epoch
    first, second = (within[int(share * len(within))] for share in (0.3, 0.7))
    assert 0 < first < second < len(whole)
    assert cell[0] != "back-translation" or whole[-1] > 2.5, "the rounds train, too"
    with tried("cut off in an epoch, with dropout: tasks × methods", "the same bytes"):
        trained(recipe, tmp_path / "cut", options, first)
        torch.rand(7)  # another process has other dice
        trained(recipe, tmp_path / "cut", options, second - first)
        rest = trained(recipe, tmp_path / "cut", options)
        assert rest == whole[second:], "no update is made again"
        assert contents(tmp_path / "cut" / "model") == contents(tmp_path / "whole" / "model")


@pytest.mark.parametrize("now", [0.0, 4_102_444_800.0])
def test_neither_the_clock_nor_the_times_of_files_decide_anything(
    now: float, project: Path, tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of(("classification", "lora"), project)
    whole = trained(recipe, tmp_path / "whole", options)
    with tried("a clock at 1970 and at 2100, files of 1970", "the same bytes"):
        trained(recipe, tmp_path / "cut", options, 3)
        for path in (*(tmp_path / "cut").rglob("*"), *project.rglob("*")):
            os.utime(path, (0, 0))
        monkeypatch.setattr(time, "time", lambda: now)
        rest = trained(recipe, tmp_path / "cut", options)
        assert len(rest) == len(whole) - 3
        assert model_files(tmp_path / "cut" / "model") == model_files(tmp_path / "whole" / "model")
