"""Planning: every mistake at once with its line, keys without effect refused, and the machine as it is."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import rows, write_tsv

from lowres.cli.check_facts import check_facts
from lowres.data.pairs import directions, pairs
from lowres.errors import LowresError, PlanError
from lowres.models.checkpoint import KNOWN
from lowres.planning import Machine, Options, device_memory_gib, estimate_seconds, examine, host_memory_gib, weights_gib
from lowres.planning.footprint import training_gib
from lowres.planning.machine import refuse_many_processes
from lowres.planning.peak_memory import phrase_table_bytes, phrase_tables_gib
from lowres.planning.plan import make_plan
from lowres.planning.rules import weights_fit_memory
from lowres.recipe import parse_recipe
from lowres.recipe.task_section import Translation

RECIPES = Path(__file__).parent.parent / "recipes"
HEAD = "lowres: 2\nname: Small\n"
LABELS = "task: {kind: classification}\n"
PAIRS = "task: {kind: translation, source: eng-Latn, target: deu-Latn}\n"
FACTS = "licence: CC0-1.0, source: written for this test"
TABLES = f"data: {{files: {{train: train.tsv, dev: dev.tsv, test: test.tsv}}, language: eng-Latn, {FACTS}}}\n"
ALIGNED = (
    "data: {files: {train: {eng-Latn: train.eng.txt, deu-Latn: train.deu.txt}, dev: {eng-Latn: dev.eng.txt, deu-Latn: "
    f"dev.deu.txt}}, test: {{eng-Latn: test.eng.txt, deu-Latn: test.deu.txt}}}}, {FACTS}}}\n"
)
CARD = "data: {card: django-messages, subset: [hsb, dsb, cs, en]}\n"
TRANSLATOR = "base: {name: starter:translation}\nmethod: {kind: decoder}\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with labelled tables and aligned texts, in which the user stands."""
    for split, (start, stop) in {"train": (0, 24), "dev": (24, 32), "test": (32, 44)}.items():
        write_tsv(tmp_path / f"{split}.tsv", rows(start, stop))
        texts = [text for text, _ in rows(start, stop)]
        (tmp_path / f"{split}.eng.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
        other = [" ".join(word[::-1] for word in text.split()) for text in texts]
        (tmp_path / f"{split}.deu.txt").write_text("\n".join(other) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusals(text: str, options: Options) -> list[str]:
    """What `check` says of a recipe, line by line; nothing if it is ready."""
    Path("recipe.yaml").write_text(text, encoding="utf-8")
    try:
        examine(Path("recipe.yaml"), options)
    except LowresError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_faults_of_recipe_data_base_and_plan_are_named_at_once(desk: Path, options: Options) -> None:
    text = HEAD + (
        "task: {kind: classification, labls: [a, b]}\n"
        f"data: {{files: {{train: train.tsv, dev: nowhere.tsv, test: test.tsv}}, language: eng-Latn, {FACTS}}}\n"
        "base: {name: ./none}\n"
        "method: {kind: lora, rank: many}\n"
        "decoding: {beams: 2}\n"
    )
    found = refusals(text, options)
    assert len(found) == 5
    assert found[0].startswith("recipe.yaml:3:30  task.labls: unknown key (did you mean “labels”?")
    assert found[1] == (
        "recipe.yaml:5:14  base.name: there is no folder “./none” (name a folder, owner/name on the Hugging Face hub, "
        "or starter:encoder; see lowres bases)"
    )
    assert found[2].startswith("recipe.yaml:6:28  method.rank: “many” is not a whole number")
    assert (
        found[3]
        == "recipe.yaml:7:11  decoding: is for translation and generation, not for classification (leave it out)"
    )
    assert found[4].startswith("nowhere.tsv")


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        LABELS
        + TABLES
        + "base: {name: starter:encoder, encoder_layers: 4}\n": "base.encoder_layers: has no effect without",
        LABELS
        + TABLES
        + "evaluation: {languages: [eng-Latn]}\n": "evaluation.languages: is for translation, not for classification",
        LABELS
        + TABLES
        + "decoding: {beams: 1}\n": "decoding: is for translation and generation, not for classification",
        LABELS
        + TABLES
        + "ensemble: {phrase_table: auto}\n": "ensemble.phrase_table: is for translation, not for classification",
        LABELS + TABLES + "method: {kind: full, encoder_rate: 0.1}\n": "method.encoder_rate: is for translation",
        LABELS
        + TABLES
        + "vocabulary: {extend: auto, replace: 200}\n": "vocabulary.extend: has no effect with vocabulary.replace",
        LABELS + TABLES + "base: {name: starter:encoder, revision: " + "a" * 40 + "}\n": "base.revision: has no effect",
        LABELS
        + TABLES
        + "method: {kind: lora, combine: {runs: [runs/nowhere, train.tsv]}}\n": "method.combine.runs, item 1: “runs/nowhere” is not",
        LABELS.replace("}", ", language: deu-Latn}")
        + TABLES: "task.language: the recipe says deu-Latn, but the data are in eng-Latn",
        LABELS
        + TABLES.replace("licence", "columns: {source: text}, licence"): "data.columns.source: is for translation",
        PAIRS
        + ALIGNED
        + TRANSLATOR
        + "ensemble: {ngrams: auto}\n": "ensemble.ngrams: is for classification, not for translation",
        PAIRS
        + ALIGNED
        + TRANSLATOR
        + "ensemble: {phrase_table: off, rerank: 8}\n": "ensemble.rerank: has no effect with ensemble.phrase_table: off",
        LABELS + TABLES + "ensemble: {rerank: 8}\n": "ensemble.rerank: is for translation",
        PAIRS.replace("}", ", objective: language-model}")
        + ALIGNED
        + TRANSLATOR: "task.objective: a language model only chooses among translations",
        PAIRS.replace("}", ", objective: language-model, hints: lexicon}")
        + ALIGNED
        + TRANSLATOR
        + "ensemble: {rerank: 8}\n": "task.hints: has no effect with task.objective: language-model",
        PAIRS.replace("}", ", objective: language-model}")
        + ALIGNED
        + TRANSLATOR
        + "ensemble: {rerank: 8}\n": "task.objective: is for decoders",
        PAIRS
        + ALIGNED
        + TRANSLATOR
        + "evaluation: {languages: [fra-Latn]}\n": "evaluation.languages, item 1: no test pair is from",
        PAIRS.replace("}", ", init_from: {fra-Latn: deu-Latn}}")
        + ALIGNED
        + TRANSLATOR: "task.init_from.fra-Latn: no text is in fra-Latn",
        PAIRS.replace("eng-Latn", "dsb-Latn").replace("deu-Latn", "hsb-Latn")
        + CARD.replace("]}", "], columns: {source: id}}")
        + TRANSLATOR: "data.columns.source: has no effect with a card",
        LABELS.replace("}", ", language: hsb-Latn}")
        + CARD: "task.language: says hsb-Latn, but the data are also in dsb-Latn, ces-Latn",
    }.items(),
)
def test_a_key_without_effect_is_refused_with_its_line(text: str, expected: str, desk: Path, options: Options) -> None:
    found = refusals(HEAD + text, options)
    assert any(re.match(r"recipe\.yaml:\d+:\d+  ", line) and f"  {expected}" in line for line in found), found


def test_what_has_an_effect_is_not_refused(desk: Path, options: Options) -> None:
    assert not refusals(HEAD + LABELS + TABLES + "ensemble: {ngrams: off, phrase_table: off}\n", options)
    assert not refusals(
        HEAD + LABELS.replace("}", ", language: eng-Latn}") + TABLES.replace("language: eng-Latn, ", ""), options
    )
    translation = PAIRS + ALIGNED + TRANSLATOR + "decoding: {beams: 1}\nevaluation: {languages: [deu-Latn]}\n"
    assert not refusals(HEAD + translation, options)


def machine_here(code: str, path: str, **variables: str) -> str:
    """What a fresh process finds, with only the programs in `path`."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PATH": path, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for nvidia-smi is a shell script")
def test_a_gpu_that_torch_cannot_use_is_none(tmp_path: Path) -> None:
    smi = tmp_path / "nvidia-smi"
    smi.write_text('#!/bin/sh\necho "$2 NVIDIA Test, 9.0, 81920"\n', encoding="utf-8")
    smi.chmod(0o755)
    detect = "from lowres.planning.machine import Machine\nprint(Machine.detect({!r}))"
    torch = "import importlib.metadata as m, lowres.planning.machine as here\nhere.version = lambda name: '2.13.0'\n"
    assert "device='cpu'" in machine_here("import torch\n" + detect.format("auto"), str(tmp_path))
    assert "name='0 NVIDIA Test'" in machine_here(torch + detect.format("auto"), str(tmp_path))
    chosen = machine_here(torch + detect.format("auto"), str(tmp_path), CUDA_VISIBLE_DEVICES="3,1")
    assert "name='3 NVIDIA Test'" in chosen and "memory_gib=80.0" in chosen
    assert "device='cpu'" in machine_here(torch + detect.format("auto"), str(tmp_path), CUDA_VISIBLE_DEVICES="")


def test_a_device_that_is_not_here_is_refused() -> None:
    import torch

    if not torch.cuda.is_available():
        with pytest.raises(PlanError, match=r"--device  .* \(leave --device out, or say cpu\)"):
            Machine.detect("cuda")


def test_windows_is_said_to_be_untested(desk: Path, options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("recipe.yaml").write_text(HEAD + LABELS + TABLES, encoding="utf-8")

    def said() -> list[str]:
        return [finding.what for finding in examine(Path("recipe.yaml"), options).findings if "Windows" in finding.what]

    assert not said()
    monkeypatch.setattr("platform.system", lambda: "Windows")
    assert said() == ["lowres is not tested on Windows; use WSL, the Windows Subsystem for Linux"]
    assert "on Windows use WSL" in (RECIPES.parent / "README.md").read_text(encoding="utf-8")


def test_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    refuse_many_processes()
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(PlanError, match=r"4 processes were started .* \(start it without torchrun"):
        refuse_many_processes()


@pytest.mark.parametrize(("name", "measured"), [("upper-sorbian", 4.03), ("which-language", 2.84)])
def test_memory_is_estimated_within_a_quarter_and_never_below(name: str, measured: float, cache: Path) -> None:
    examined = examine(RECIPES / f"{name}.yaml", Options(cache=cache, offline=True, device="cpu", threads=2))
    estimated = device_memory_gib(examined.plan, examined.corpus)
    assert measured <= estimated <= 1.25 * measured


LEARNING = """
import json, sys
from lowres.statistical.phrases import learn_phrase_tables
texts = {}
for source, target, text, translation in json.load(sys.stdin):
    texts.setdefault((source, target), []).append((text, translation))

def peak():  # of this process alone: getrusage begins with that of the one that started it
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

before = peak()
tables = learn_phrase_tables(texts)
for direction, pairs in texts.items():
    for number in range(50):
        tables[direction].translate(pairs[number][0], leave=number)
print((peak() - before) / 2**20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a process by itself")
def test_phrase_tables_of_many_pairs_are_never_estimated_below_and_the_run_within_a_quarter(
    tmp_path: Path, options: Options
) -> None:
    languages = {"cs": "ces", "en": "eng", "pl": "pol", "sk": "slk", "de": "deu", "nl": "nld", "ru": "rus", "es": "spa"}
    tags = ", ".join(f"{name}-{'Cyrl' if name == 'rus' else 'Latn'}" for name in languages.values())
    text = (
        f"task: {{kind: translation, source: [{tags}], target: hsb-Latn}}\n"
        f"data: {{card: django-messages, subset: [hsb, {', '.join(languages)}]}}\n"
    )
    (tmp_path / "recipe.yaml").write_text(HEAD + text + TRANSLATOR, encoding="utf-8")
    examined = examine(tmp_path / "recipe.yaml", options)
    task = examined.plan.recipe.task
    assert isinstance(task, Translation)
    train = pairs(examined.corpus.train, directions(task, examined.corpus.languages))
    asked = [(*pair.direction, pair.source.fields["text"], pair.target.fields["text"]) for pair in train]
    done = subprocess.run(
        [sys.executable, "-c", LEARNING], input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=300
    )  # fmt: skip
    measured = float(done.stdout)
    assert len(train) > 4_000
    estimated = phrase_tables_gib(examined.plan, examined.corpus)
    assert measured <= estimated <= 1.5 * measured, f"{estimated:.3f} GiB for {measured:.3f}"
    run = device_memory_gib(examined.plan, examined.corpus)
    assert run > 3 and run <= 1.25 * (run - estimated + measured)


@pytest.mark.parametrize(
    ("phrases", "bytes_each"), [(61_387, 1731), (249_316, 1518), (624_091, 1406), (1_018_846, 1248), (508_346, 938)]
)
def test_phrase_tables_take_no_more_than_is_said(phrases: int, bytes_each: int) -> None:
    measured = phrases * bytes_each  # docs/results/speed.md
    assert measured <= phrase_table_bytes(phrases) <= 1.6 * measured
    assert phrase_table_bytes(phrases) < phrase_table_bytes(phrases + 1)


def test_what_a_gpu_holds_is_counted_apart_from_what_its_host_holds(desk: Path, options: Options) -> None:
    Path("recipe.yaml").write_text(HEAD + PAIRS + ALIGNED + TRANSLATOR, encoding="utf-8")
    examined = examine(Path("recipe.yaml"), options)
    recipe, checkpoint, corpus = examined.plan.recipe, examined.plan.checkpoint, examined.corpus
    on_card = make_plan(recipe, checkpoint, CARD)
    here, card = device_memory_gib(examined.plan, corpus), device_memory_gib(on_card, corpus)
    assert weights_gib(recipe, checkpoint, CARD) + 0.5 < card < here - 1.5  # no libraries, no data
    host = host_memory_gib(on_card, corpus)
    assert host is not None and host >= 4 * checkpoint.parameters / 2**30 + 0.9
    assert host_memory_gib(examined.plan, corpus) is None
    assert "host_memory_gib_at_most" in check_facts(replace(examined, plan=on_card))


LAPTOP, CARD = Machine("cpu", "a laptop", 4, 8.0, bf16=False), Machine("cuda", "a card", 4, 8.0, bf16=True)


def test_a_processor_must_hold_the_whole_base_before_it_is_quantized() -> None:
    small = next(facts for (name, _), facts in KNOWN.items() if name.startswith("facebook/nllb"))
    large = replace(small, parameters=3_344_863_232, hidden_size=2048, layers=24)  # NLLB-3.3B
    text = HEAD + PAIRS + ALIGNED + "base: {name: some/nllb, revision: " + "a" * 40 + ", quantize: 4bit}\n"
    recipe = parse_recipe(text, "recipe.yaml")
    refused = weights_fit_memory(recipe, large, LAPTOP)
    assert refused and "needs about 12.5 GiB here; a laptop has 8.0" in refused.what
    assert weights_fit_memory(recipe, large, CARD) is None and weights_fit_memory(recipe, small, LAPTOP) is None
    assert training_gib(recipe, large, LAPTOP, 100) > 12.5 > training_gib(recipe, large, CARD, 100)


def test_a_head_of_its_own_is_counted_as_it_is_held() -> None:
    """mT5 writes with embeddings that are no layer: they stay in float32."""
    mt5 = next(facts for (name, _), facts in KNOWN.items() if name.startswith("google/mt5"))
    recipe = parse_recipe(
        HEAD + PAIRS + ALIGNED + "base: {name: some/mt5, revision: " + "a" * 40 + "}\n", "recipe.yaml"
    )
    layers = mt5.parameters - 2 * 250_112 * 512
    assert mt5.embedding_parameters == 2 * 250_112 * 512
    assert weights_gib(recipe, mt5, CARD) * 2**30 == pytest.approx(4 * 2 * 250_112 * 512 + 2 * layers)


def test_check_counts_pairs_and_labels(desk: Path, options: Options) -> None:
    Path("train.eng.txt").write_text(
        Path("train.eng.txt").read_text(encoding="utf-8") + "one more line\n", encoding="utf-8"
    )
    Path("train.deu.txt").write_text(Path("train.deu.txt").read_text(encoding="utf-8") + "\n", encoding="utf-8")
    Path("pairs.yaml").write_text(HEAD + PAIRS + ALIGNED + TRANSLATOR, encoding="utf-8")
    facts = check_facts(examine(Path("pairs.yaml"), options))
    assert facts["pairs"] == {"train": 48, "dev": 16, "test": 24}
    assert facts["pairs in test"] == {"eng-Latn→deu-Latn": 24}
    assert facts["texts without a translation"] == {"train": 1, "dev": 0, "test": 0}
    assert {"phrase tables", "scoring", "reload check", "in all"} <= facts["minutes_at_most"].keys()
    Path("labels.yaml").write_text(HEAD + LABELS + TABLES, encoding="utf-8")
    facts = check_facts(examine(Path("labels.yaml"), options))
    assert facts["rows"] == {"train": 48, "dev": 16, "test": 24}
    assert facts["labels in dev"] == {"positive": 8, "negative": 8}


def test_training_time_counts_pairs_and_one_pass_for_features(desk: Path, options: Options) -> None:
    def minutes(text: str) -> float:
        Path("recipe.yaml").write_text(HEAD + text, encoding="utf-8")
        examined = examine(Path("recipe.yaml"), options)
        return estimate_seconds(examined.plan, examined.corpus)

    one, both = (minutes(PAIRS.replace("}", more) + ALIGNED + TRANSLATOR) for more in ("}", ", both: true}"))
    assert both == pytest.approx(2 * one, rel=0.1)
    assert minutes(LABELS + TABLES + "method: {kind: features}\n") < minutes(
        LABELS + TABLES + "training: {epochs: 2}\n"
    )
