"""Decoders in CTranslate2: every family translates, answers and labels the same; what it computes otherwise is refused."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bases import parallel
from click.testing import CliRunner
from decoder_bases import DECODERS, GROUPED, chatml, gemma, gpt, llama2, write_decoder
from test_decoder_runs import CLASSES, carried_out
from test_decoder_runs import base as base  # fixtures
from test_decoder_runs import data as data
from test_export import said_by
from transformers import Gemma3TextConfig, GPT2Config, LlamaConfig, MistralConfig, PreTrainedConfig, Qwen2Config
from untrained import CLASSIFICATION, labelled_corpus, pairs_corpus, plan_of, predictor_of, translation

import lowres
from lowres.cli import lowres as command
from lowres.data.corpus import Corpus, Row
from lowres.errors import ModelError
from lowres.export import export, export_merged
from lowres.export.ctranslate2_files import ACCEPTED
from lowres.export.decoder_answers import log_probabilities
from lowres.export.decoders_to_ctranslate2 import FAMILIES, answering, convert, positions_of, refuse_unfit
from lowres.export.merged import save_tokenizer
from lowres.planning import Options
from lowres.runs.run import Run, load_predictor, model_digest
from lowres.tasks.engines import EXPORT_JSON, ExportFacts, restore_exported
from lowres.tasks.prompted_translation.exported import PromptedExportFacts

PAIRS = parallel("id")[:12]
GENERATION = "{kind: generation, language: eng-Latn, instruction: Answer briefly.}"
CONVERTED = ("llama", "smollm2", "mistral", "qwen2", "qwen3", "gemma3", "bloom", "gpt2", "opt")
Config = Callable[[int], PreTrainedConfig]


def answers_corpus() -> Corpus:
    """Questions with answers, the same in every split."""
    rows = tuple(
        Row(str(number), str(number), "eng-Latn", {"text": source, "answer": target})
        for number, (source, target) in enumerate(PAIRS)
    )
    return Corpus("toy", rows, rows, rows, (), "CC0-1.0")


def untrained(
    base: Path, folder: Path, options: Options, task: str, vocabulary: str = "{extend: off, trim: off}"
) -> Any:
    """The merged predictor of a task over a base, and its model folder."""
    corpus = answers_corpus() if "generation" in task else pairs_corpus(PAIRS)
    if "classification" in task:
        corpus = labelled_corpus([source for source, _ in PAIRS], 1)
    predictor_of(plan_of(base, task, vocabulary=vocabulary, max_length=100), corpus).save(folder / "model")
    return load_predictor(folder / "model", options, "merged")


def converted(merged: Any, folder: Path, options: Options, bits: int = 32) -> Any:
    """The same in CTranslate2."""
    digest, positions = model_digest(folder / "model"), positions_of(merged)
    facts = PromptedExportFacts(model=digest, positions=positions) if positions else ExportFacts(model=digest)
    (folder / str(bits)).mkdir()
    convert(merged, bits, folder / str(bits))
    (folder / str(bits) / EXPORT_JSON).write_text(facts.model_dump_json(), encoding="utf-8")
    return restore_exported("ctranslate2", folder / str(bits), folder / "model", digest, options)


def searching(predictor: Any, beams: int) -> Any:
    """The same predictor with so many beams."""
    decoding = predictor.facts.decoding.model_copy(update={"beams": beams})
    return replace(predictor, facts=predictor.facts.model_copy(update={"decoding": decoding}))


def per_token(translator: Any, asked: Sequence[tuple[str, str, str]], answers: Sequence[str]) -> float:
    """The mean log-probability of a token of these answers. Beams of an untrained model nearly tie, so that their texts differ."""
    found = translator.likelihoods(asked, answers)
    return float(sum(one.log_probability for one in found) / sum(one.tokens for one in found))


@pytest.mark.parametrize("family", CONVERTED)
def test_every_family_translates_the_same_in_ctranslate2(family: str, tmp_path: Path, options: Options) -> None:
    task, vocabulary = translation(more=", hints: off"), "{extend: 8, trim: used}"
    merged = untrained(write_decoder(family, tmp_path / "base"), tmp_path, options, task, vocabulary)
    direction = merged.facts.directions[0]
    asked = [(merged.source_ids(source, *direction), merged.inputs.frame.plain(target)) for source, target in PAIRS]
    expected = log_probabilities(merged.transformer, asked)
    assert np.ptp(expected) > 0.5, "some tokens are likelier than others"
    inputs = [[source, *direction] for source, _ in PAIRS]
    written = {beams: searching(merged, beams).raw_predictions(inputs) for beams in (1, 4)}
    likely = merged.likelihoods([(source, *direction) for source, _ in PAIRS], [target for _, target in PAIRS])
    exported = converted(merged, tmp_path, options)
    found = [one for logs in exported.model.answer_log_probabilities(asked) for one in logs]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert len(set(written[1])) > 1 and searching(exported, 1).raw_predictions(inputs) == written[1]
    found_by_beams = searching(exported, 4).raw_predictions(inputs)
    triples = [(source, *direction) for source, _ in PAIRS]
    assert per_token(exported, triples, found_by_beams) > per_token(exported, triples, written[4]) - 0.1
    quick = exported.likelihoods([(source, *direction) for source, _ in PAIRS], [target for _, target in PAIRS])
    for one, other in zip(quick, likely, strict=True):
        assert one.tokens == other.tokens and one.log_probability == pytest.approx(other.log_probability, abs=1e-2)


@pytest.mark.parametrize("family", CONVERTED)
def test_every_family_answers_the_same_in_ctranslate2(family: str, tmp_path: Path, options: Options) -> None:
    merged = untrained(write_decoder(family, tmp_path / "base"), tmp_path, options, GENERATION)
    texts = [source for source, _ in PAIRS]
    written = searching(merged, 1).predict(texts, language="eng-Latn")
    assert any(one.answer for one in written)
    exported = converted(merged, tmp_path, options)
    assert searching(exported, 1).predict(texts, language="eng-Latn") == written


@pytest.mark.parametrize("family", ["smollm2", "gemma3", "bloom"])
def test_label_words_are_as_probable_in_ctranslate2(family: str, tmp_path: Path, options: Options) -> None:
    merged = untrained(
        write_decoder(family, tmp_path / "base"), tmp_path, options, CLASSIFICATION[:-1] + ", by: label-words}"
    )
    texts = [source for source, _ in PAIRS]
    lengths = {len(words) for words in merged.model.words}
    expected = merged.head_probabilities(texts, [None] * len(texts))
    assert np.ptp(expected) > 1e-2 and max(lengths) > 1
    exported = converted(merged, tmp_path, options)
    np.testing.assert_allclose(exported.head_probabilities(texts, [None] * len(texts)), expected, atol=1e-5)
    assert exported.predict([]) == [] and not exported.uses_language


@pytest.mark.parametrize("family", ["smollm2", "bloom"])
def test_rounded_weights_stay_within_the_tolerance(family: str, tmp_path: Path, options: Options) -> None:
    sizes = []
    for bits in (32, 16, 8):
        folder = tmp_path / str(bits)
        merged = untrained(write_decoder(family, folder / "base"), folder, options, GENERATION)
        asked = [(merged.prompt(source), merged.frame.plain(target)) for source, target in PAIRS]
        expected = log_probabilities(merged.transformer, asked)
        exported = converted(merged, folder, options, bits)
        found = [one for logs in exported.model.answer_log_probabilities(asked) for one in logs]
        assert np.abs(np.subtract(found, expected)).mean() < ACCEPTED[bits]
        sizes.append((folder / str(bits) / "model.bin").stat().st_size)
    assert sizes[1] < 0.6 * sizes[0] and sizes[2] < 0.4 * sizes[0]


def rotary(kind: str, **more: Any) -> dict[str, Any]:
    """Rotary positions with a base of their own."""
    return {"rope_type": kind, "rope_theta": 50_000.0, **more}


LLAMA3 = rotary("llama3", factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)
OF_BOTH = {
    "full_attention": rotary("default"),
    "sliding_attention": {"rope_type": "default", "rope_theta": 20_000.0},
}
UNUSUAL: dict[str, tuple[Callable[[], Any], Config]] = {
    "wide heads": (llama2, lambda size: LlamaConfig(vocab_size=size, **{**GROUPED, "head_dim": 32})),
    "positions of Llama 3": (llama2, lambda size: LlamaConfig(vocab_size=size, **GROUPED, rope_parameters=LLAMA3)),
    "a window": (llama2, lambda size: MistralConfig(vocab_size=size, **GROUPED, sliding_window=200)),
    "scaled queries": (
        gemma,
        lambda size: Gemma3TextConfig(
            vocab_size=size, **GROUPED, query_pre_attn_scalar=64, sliding_window=200, rope_parameters=OF_BOTH,
            layer_types=["sliding_attention", "full_attention"],
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNUSUAL)
def test_what_the_loaders_of_ctranslate2_leave_out_is_said(
    case: str, tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DECODERS, case, UNUSUAL[case])  # type: ignore[arg-type]
    merged = untrained(write_decoder(case, tmp_path / "base"), tmp_path, options, GENERATION)
    refuse_unfit(_run_in(tmp_path), merged)
    asked = [(merged.prompt(source), merged.frame.plain(target)) for source, target in PAIRS]
    expected = log_probabilities(merged.transformer, asked)
    exported = converted(merged, tmp_path, options)
    found = [one for logs in exported.model.answer_log_probabilities(asked) for one in logs]
    np.testing.assert_allclose(found, expected, atol=1e-4)


class _run_in:
    """What is asked of a run where it is refused: its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder


SMALL_GPT = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 512, "bos_token_id": 700, "eos_token_id": 700}
UNFIT: dict[str, tuple[Callable[[], Any], Config, str]] = {
    "softcapping": (*DECODERS["gemma2"], "gemma2 otherwise: it does not bound the scores of attention"),
    "an unknown family": (*DECODERS["smollm3"], r"does not know models of the type smollm3.*it knows llama, .*opt"),
    "another activation": (
        llama2,
        lambda size: LlamaConfig(vocab_size=size, **GROUPED, hidden_act="gelu"),
        "models with hidden_act: gelu",
    ),
    "stretched positions": (
        chatml,
        lambda size: Qwen2Config(vocab_size=size, **GROUPED, rope_parameters=rotary("yarn", factor=4.0)),
        "rotary positions of the type yarn",
    ),
    "a narrow window": (
        llama2,
        lambda size: MistralConfig(vocab_size=size, **GROUPED, sliding_window=199),
        "attention over 199 tokens, where prompt and answer may have 200",
    ),
    "another scale": (
        gpt,
        lambda size: GPT2Config(vocab_size=size, **SMALL_GPT, scale_attn_by_inverse_layer_idx=True),
        "scale_attn_by_inverse_layer_idx: True",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_ctranslate2_computes_otherwise_is_refused(
    case: str, tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer, config, said = UNFIT[case]
    monkeypatch.setitem(DECODERS, case, (tokenizer, config))  # type: ignore[arg-type]
    merged = untrained(write_decoder(case, tmp_path / "base"), tmp_path, options, GENERATION)
    with pytest.raises(ModelError, match=said):
        refuse_unfit(_run_in(tmp_path), merged)


CONTINUING = "{kind: generation, language: eng-Latn}"


@pytest.mark.parametrize(
    ("family", "task"),
    [("smollm2", translation(more=", hints: off")), ("opt", translation(more=", hints: off")), ("llama", CONTINUING)],
    ids=["a chat template", "a plain frame that begins with a token", "texts that are continued"],
)
def test_the_code_of_a_readme_asks_as_lowres_does(
    family: str, task: str, tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    merged = searching(untrained(write_decoder(family, tmp_path / "base"), tmp_path, options, task), 1)
    if task == CONTINUING:
        merged = replace(merged, facts=merged.facts.model_copy(update={"answers": False}))
    code = code_in(answering(merged))
    asked = [
        [source, *([*merged.facts.directions[0]] if "translation" in task else ["eng-Latn"])] for source, _ in PAIRS[:3]
    ]
    expected = merged.raw_predictions(asked)
    converted(merged, tmp_path, options)
    save_tokenizer(merged.tokenizer, tmp_path / "32" / "tokenizer")
    monkeypatch.chdir(tmp_path / "32")
    for (text, *_), answer in zip(asked, expected, strict=True):
        said: dict[str, Any] = {}
        exec(compile(code.replace('"…"', json.dumps(text)), "README.md", "exec"), said)
        assert said["tokenizer"].decode(said["found"].sequences_ids[0], skip_special_tokens=True).strip() == answer


def code_in(page: str) -> str:
    """The code of a README."""
    return page.split("```python\n")[1].split("```")[0]


def test_families_have_a_tiny_base_in_these_tests() -> None:
    kinds = {config(900).model_type for name, (_, config) in DECODERS.items() if name in CONVERTED}
    assert kinds == set(FAMILIES)


@pytest.fixture
def answering_run(data: Path, base: Path, options: Options) -> Run:
    """A small run of questions and answers."""
    files = "{train: train.qa.tsv, dev: dev.qa.tsv, test: test.qa.tsv}"
    more = "  columns: {text: question, answer: answer}\n"
    task = "{kind: generation, language: eng-Latn, system: Be brief., instruction: Answer.}"
    return carried_out(data, base, options, task, files=files, more=more)


def test_an_exported_decoder_answers_as_its_run_does(answering_run: Run, base: Path) -> None:
    folder, fidelity = export(answering_run, "ctranslate2", 32)
    assert fidelity and fidelity.comparison and fidelity.seconds and fidelity.deviation < 1e-4 and fidelity.texts == 8
    page = (folder / "README.md").read_text(encoding="utf-8")
    for line in fidelity.sentences():
        assert line in page
    merged = export_merged(answering_run)
    texts = ["where is it? the soup", "where is it? <|im_end|>"]
    exact = load_predictor(answering_run.folder / "model", answering_run.options, "merged")
    answers = [one.answer for one in exact.predict(texts)]
    away = base.rename(base.with_name("away"))  # the base is not needed
    try:
        quick = lowres.load(answering_run.folder, options=answering_run.options, engine="ctranslate2")
        assert [one.answer for one in quick.predict(texts)] == answers
    finally:
        away.rename(base)
    printed = "print(repr(tokenizer.decode(found.sequences_ids[0], skip_special_tokens=True).strip()))"
    for text, answer in zip(texts, answers, strict=True):
        code = code_in(page).replace('"…"', json.dumps(text))
        assert "lowres" not in code and "torch" not in code
        assert said_by(f"{code}\n{printed}", folder) == repr(answer)
    plain = code_in((merged / "README.md").read_text(encoding="utf-8")).replace('"…"', json.dumps(texts[1]))
    assert said_by(f"{plain}\nprint(ids)", merged) == str(exact.prompt(texts[1])), "texts are text there, too"


def test_an_exported_run_of_label_words_by_command_line(data: Path, base: Path, options: Options) -> None:
    run = carried_out(data, base, options, CLASSES + ", by: label-words}")
    asked = [str(run.folder), "--cache", str(options.cache), "--offline", "--threads", "1"]
    done = CliRunner().invoke(command, ["export", *asked, "--to", "ctranslate2", "--bits", "32"])
    assert done.exit_code == 0, done.output
    assert "the probability of a label differs by" in done.output and "accepted: 0.0001" in done.output
    own = Run(run.folder, options=options).predict("the soup was warm and good")
    (found,) = lowres.load(run.folder, options=options, engine="ctranslate2").predict("the soup was warm and good")
    assert found.label == own[0].label
    assert found.probabilities == pytest.approx(own[0].probabilities, abs=2e-2)


def test_a_head_on_the_last_token_is_refused(data: Path, base: Path, options: Options) -> None:
    run = carried_out(data, base, options, CLASSES + ", by: head}")
    with pytest.raises(ModelError, match=r"tells no states of a decoder.*task.by: label-words can be exported"):
        export(run, "ctranslate2")
    assert not (run.folder / "ctranslate2").exists()
