"""The model folder of a stranger: what is wrong with a file is said in one line that names it; others can read what is saved."""

import json
import lzma
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from bases import parallel, write_base
from matrix import tried
from safetensors.torch import load_file, save_file
from untrained import CLASSIFICATION, labelled_corpus, pairs_corpus, plan_of, predictor_of, translation

from lowres.data.corpus import GlossaryEntry
from lowres.errors import LowresError
from lowres.evaluation.estimator import Estimator
from lowres.planning import Options
from lowres.runs.run import load_predictor
from lowres.statistical.ngrams import NgramClassifier
from lowres.statistical.phrase_table_files import MAX_FILE_BYTES

PAIRS = [pair for pair in parallel("id") if 4 < len(pair[0].split()) < 12][:60]
Damage = Callable[[Path], object]


def replaced(**facts: Any) -> Damage:
    return lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def packed(content: object) -> Damage:
    return lambda path: path.write_bytes(lzma.compress(json.dumps(content).encode()))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def narrowed(path: Path) -> None:
    save_file({name: weight[..., :3].contiguous() for name, weight in load_file(path).items()}, path)


def renamed(path: Path) -> None:
    weights = load_file(path)
    name = min(weights)
    save_file({**weights, f"{name}s": weights[name].clone()}, path, {"format": "pt"})


def fewer(path: Path) -> None:
    weights = load_file(path)
    del weights[min(weights)]
    save_file(weights, path, {"format": "pt"})


def bomb(path: Path) -> None:
    packer = lzma.LZMACompressor(preset=0)
    parts = [packer.compress(b" " * (1 << 24)) for _ in range((MAX_FILE_BYTES >> 24) + 2)]
    path.write_bytes(b"".join([*parts, packer.flush()]))


CLASSIFIER: list[tuple[str, Damage]] = [
    ("model.json", replaced(labels=7)),
    ("model.json", replaced(task="poetry")),
    ("model.json", lambda path: path.write_text("[1, 2]")),
    ("model.json", lambda path: path.write_bytes(b"\xff\xfe{}")),
    ("model.json", Path.unlink),
    ("head.safetensors", Path.unlink),
    ("head.safetensors", cut),
    ("head.safetensors", narrowed),
    ("tokenizer/tokenizer.json", lambda path: path.write_text('{"model": {}}')),
    ("rows.safetensors", lambda path: save_file({"rows": torch.zeros(2, 2)}, path)),
    ("rows.safetensors", cut),
    ("adapter/adapter_config.json", lambda path: path.write_text("{}")),
    ("adapter/adapter_config.json", replaced(target_modules="(a|a|a)*(x+x+)+y$")),
    ("adapter/adapter_config.json", replaced(target_modules=[".*"])),
    ("adapter/adapter_config.json", replaced(alpha_pattern={"(.*)*x": 3})),
    ("adapter/adapter_config.json", replaced(rank_pattern={".*": 8})),
    ("adapter/adapter_config.json", replaced(r=1_000_000)),
    ("adapter/adapter_config.json", replaced(lora_alpha=1e9)),
    ("adapter/adapter_config.json", replaced(peft_type="PROMPT_TUNING")),
    ("adapter/adapter_config.json", replaced(megatron_config={"a": 1}, megatron_core="antigravity")),
    ("adapter/adapter_config.json", replaced(layer_replication=[[0, 1000]])),
    ("adapter/adapter_config.json", replaced(modules_to_save=["encoder"])),
    ("adapter/adapter_config.json", replaced(trainable_token_indices=[1])),
    ("adapter/adapter_config.json", replaced(eva_config={"rho": 1})),
    ("adapter/adapter_config.json", replaced(surprise=1)),
    ("adapter/adapter_config.json", lambda path: path.write_text("[" * 100_000)),
    ("adapter/adapter_config.json", lambda path: path.write_text(" " * (5 << 20))),
    ("adapter/adapter_model.safetensors", renamed),
    ("adapter/adapter_model.safetensors", fewer),
    ("model.json", replaced(method="magic")),
    ("model.json", replaced(quantize="1bit")),
    ("model.json", replaced(added=10**12)),
    ("model.json", replaced(max_length=10**9)),
    ("model.json", lambda path: path.write_text("[" * 100_000)),
    ("tokenizer/tokenizer.json", lambda path: path.write_text('"' + "a" * (5 << 20) + '"')),
    ("tokenizer/tokenizer.json", lambda path: path.write_text('["a",' * 2_100_000)),
    ("adapter/adapter_model.safetensors", cut),
    ("adapter/adapter_model.safetensors", Path.unlink),
    ("ngrams/ngrams.json", lambda path: path.write_text('{"labels": []}')),
    ("ngrams/ngrams.safetensors", narrowed),
]
TRANSLATOR: list[tuple[str, Damage]] = [
    ("phrase-tables.json.xz", cut),
    ("phrase-tables.json.xz", Path.unlink),
    ("phrase-tables.json.xz", lambda path: path.write_bytes(b"no xz")),
    ("phrase-tables.json.xz", packed({"eng-Latn": [{}, {}]})),
    ("phrase-tables.json.xz", packed({"eng-Latn→ind-Latn": [{"a": {"b": "c"}}, {}]})),
    ("phrase-tables.json.xz", packed([1])),
    ("phrase-tables.json.xz", bomb),
    ("confidence.json", cut),
    ("confidence.json", lambda path: path.write_text("[" * 100_000)),
    ("confidence.json", lambda path: path.write_text('{"oracle": {}}')),
    ("confidence.json", lambda path: path.write_text(path.read_text().replace("50.0", "NaN"))),
    ("confidence.json", lambda path: path.write_text(path.read_text().replace("50.0", '"much"'))),
    ("confidence.json", lambda path: path.write_text(path.read_text().replace("1.5", "1.5, 2.5"))),
    ("confidence.json", lambda path: os.truncate(path, 300 << 20)),
    ("glossary.tsv", lambda path: path.write_bytes(b"source_language\tsource\ttarget\neng-Latn\tthe soup\tsup\n")),
    ("glossary.tsv", lambda path: path.write_bytes(path.read_bytes() + b"caf\xe9\tx\ty\tz\n")),
    ("glossary.tsv", lambda path: path.write_bytes(bytes(200))),
    ("glossary.tsv", lambda path: path.write_bytes(path.read_bytes() + b"eng-Latn\tind-Latn\tthe soup\n")),
    ("glossary.tsv", lambda path: os.truncate(path, 3 << 30)),
]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    corpus = labelled_corpus([english for english, _ in PAIRS], 1)
    plan = plan_of(write_base("xlm-roberta", folder / "base"), CLASSIFICATION, vocabulary="{extend: off, trim: used}")
    found = predictor_of(plan, corpus)
    ngrams = NgramClassifier.fit(corpus.train, corpus.dev, found.labels, 13)
    facts = found.facts.model_copy(update={"weights": (0.5, 0.5)})
    replace(found, ngrams=ngrams, facts=facts).save(folder / "model")
    return folder / "model"


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("translator")
    found = predictor_of(plan_of(write_base("byt5", folder / "base"), translation()), pairs_corpus(PAIRS))
    left = [("eng-Latn", "ind-Latn")]
    sure = Estimator(
        signals=("length",), centre=(3.0,), scale=(1.5,), weights=(2.0,), intercept=50.0, below=-9.0, above=8.0, level=0.8,
        sentences=60,
    )  # fmt: skip
    replace(
        found, facts=found.facts.model_copy(update={"by_phrase_table": left}), estimators={"phrase table": sure},
        glossary=(GlossaryEntry(*left[0], "the soup", "sup"),),
    ).save(folder / "model")  # fmt: skip
    return folder / "model"


def refused(saved: Path, name: str, damage: Damage, options: Options) -> None:
    """Damage one file for a while; whoever loads the model is told its name, or that of its folder."""
    path = saved / name
    before, mode = path.read_bytes(), path.stat().st_mode
    try:
        damage(path)
        with tried("a stranger's model folder", "refused in a line"), pytest.raises(LowresError) as caught:
            load_predictor(saved, options)
    finally:
        path.write_bytes(before)
        path.chmod(mode)
    (problem,) = caught.value.problems
    assert Path(name).parts[0] in problem.where and len(str(problem).splitlines()) == 1, problem


@pytest.mark.parametrize(("name", "damage"), CLASSIFIER)
def test_a_damaged_classifier_is_refused(name: str, damage: Damage, classifier: Path, options: Options) -> None:
    refused(classifier, name, damage, options)


@pytest.mark.parametrize(("name", "damage"), TRANSLATOR)
def test_a_damaged_translator_is_refused(name: str, damage: Damage, translator: Path, options: Options) -> None:
    refused(translator, name, damage, options)


METHODS = [
    "{kind: lora, dora: true}", "{kind: lora, rslora: true}", "{kind: lora, init: pissa, rank: 4}",
    "{kind: lora, modules: attention, layers: 1}", "{kind: oft, block_size: 4}", "{kind: ia3}", "{kind: adalora, rank: 4}",
    "{kind: bottleneck, style: houlsby}", "{kind: bottleneck, invertible: true}", "{kind: bottleneck, style: parallel}",
]  # fmt: skip


def test_what_lowres_writes_is_read(tmp_path: Path, options: Options) -> None:
    texts = [english for english, _ in PAIRS]
    encoder, decoder = (write_base(name, tmp_path / name) for name in ("xlm-roberta", "m2m100"))
    plans = [(plan_of(encoder, CLASSIFICATION, method=method), labelled_corpus(texts, 1)) for method in METHODS]
    task = translation(more=", hints: off")
    plans += [
        (plan_of(decoder, task, method=method), pairs_corpus(PAIRS)) for method in ("{kind: ia3}", "{kind: lora}")
    ]
    for number, (plan, corpus) in enumerate(plans):
        found = predictor_of(plan, corpus)
        found.save(tmp_path / f"model{number}")
        with tried("an honest model folder", "read"):
            assert load_predictor(tmp_path / f"model{number}", options).facts.method == plan.recipe.method.kind


def test_what_was_saved_is_loaded_and_can_be_read_by_others(
    classifier: Path, translator: Path, options: Options
) -> None:
    assert load_predictor(classifier, options).labels == ("bad", "good")
    assert load_predictor(translator, options).predict(["The soup"], source="eng-Latn", target="ind-Latn")
    for folder in (classifier, translator):
        expected = stat.S_IMODE((folder / "model.json").stat().st_mode)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
        assert set(modes.values()) == {expected} and any(name.endswith(".safetensors") for name in modes), modes


def test_the_threads_that_are_asked_for_are_used(classifier: Path, options: Options) -> None:
    """predict, export and the reload check go this way."""
    before = torch.get_num_threads()
    try:
        for threads in (2, 1):
            load_predictor(classifier, replace(options, threads=threads))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
