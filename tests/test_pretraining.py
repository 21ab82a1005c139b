"""Pre-training: words are hidden whole, every family learns to find them, and bits per character are what they should be."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import AddedToken
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    M2M100Config,
    M2M100ForConditionalGeneration,
    MT5Config,
    MT5ForConditionalGeneration,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

from lowres.data.corpus import Corpus, Row
from lowres.errors import DataError, LowresError, ModelError
from lowres.languages.words import words
from lowres.models.checkpoint import describe
from lowres.models.masked_head import biases, transform
from lowres.planning import Machine, Options, Plan, make_plan, read_data
from lowres.recipe import open_recipe, parse_recipe
from lowres.running import run as run_recipe
from lowres.runs.run import Run
from lowres.statistical.character_lm import CHARACTERS, CharacterModel
from lowres.tasks.job import make_accelerator
from lowres.tasks.pretraining.inputs import SegmentInputs
from lowres.tasks.pretraining.job import build, encoder, objective
from lowres.tasks.pretraining.masking import Masking, SpanCorruption
from lowres.tasks.pretraining.model import MaskedLM, load, restore
from lowres.tasks.pretraining.objective import choose_words, costs
from lowres.training.loop import train
from lowres.vocabulary.adapting import adapt
from lowres.vocabulary.fitting_data import FittingData

RECIPE = """\
lowres: 2
name: Small pre-training
task: {{kind: pre-training, language: min-Latn{more}}}
data:
  files: {{train: corpus.txt}}
  licence: CC0-1.0
  source: written for this test
base: {{name: "{base}"}}
vocabulary: {vocabulary}
method: {{kind: {method}}}
training: {{epochs: {epochs}, learning_rate: 0.01, batch_tokens: 256, max_length: 60, patience: 200}}
evaluation: {{resamples: 100}}
"""
TEXTS = [
    "the soup was warm and good", "we liked the kind cook", "a lovely clean room in the village", "bad rice and angry people",
    "the soup was cold and bad by the river", "an ugly dirty room near the school",
]  # fmt: skip
Family = Callable[[int], Any]


def bert(kind: Any) -> Family:
    return lambda size: kind(
        BertConfig(
            vocab_size=size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
            max_position_embeddings=64, pad_token_id=1, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        )
    )  # fmt: skip


def xlmr(size: int) -> Any:
    """With a head that was trained, as far as anyone can tell."""
    model = XLMRobertaForMaskedLM(
        XLMRobertaConfig(
            vocab_size=size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
            max_position_embeddings=66, pad_token_id=1, type_vocab_size=1,
        )
    )  # fmt: skip
    model.lm_head.dense.bias.data.normal_(0, 0.1)
    return model


def fairseq(kind: Any, config: Any) -> Family:
    shape = {
        f"{side}_{name}": value
        for side in ("encoder", "decoder")
        for name, value in (("layers", 1), ("attention_heads", 2), ("ffn_dim", 64))
    }
    return lambda size: kind(
        config(
            vocab_size=size, d_model=32, max_position_embeddings=64, pad_token_id=1, bos_token_id=0, eos_token_id=2,
            decoder_start_token_id=2, init_std=0.1, dropout=0.0, attention_dropout=0.0, **shape,
        )
    )  # fmt: skip


def mt5(size: int) -> Any:
    return MT5ForConditionalGeneration(
        MT5Config(
            vocab_size=size, d_model=32, d_kv=16, d_ff=64, num_layers=1, num_heads=2, pad_token_id=1, eos_token_id=2,
            decoder_start_token_id=1, dropout_rate=0.0,
        )
    )  # fmt: skip


# family → (model, pieces that its tokenizer has beside the words)
FAMILIES: dict[str, tuple[Family, list[str]]] = {
    "bert": (bert(BertForMaskedLM), ["<mask>"]),
    "headless": (bert(BertModel), ["<mask>"]),
    "xlm-roberta": (xlmr, ["<mask>"]),
    "t5": (mt5, [f"<extra_id_{number}>" for number in range(8)]),
    "mt5": (mt5, [f"▁<extra_id_{number}>" for number in range(8)]),  # as mT5 has them: ordinary pieces
    "bart": (fairseq(BartForConditionalGeneration, BartConfig), ["<mask>"]),
    "nllb": (fairseq(M2M100ForConditionalGeneration, M2M100Config), ["<mask>", "eng_Latn", "min_Latn"]),
}
MASKED = ("bert", "headless", "xlm-roberta")


def made(family: str, tiny: PreTrainedTokenizerFast, folder: Path, without: str = "") -> Path:
    """A real tiny checkpoint of a family."""
    model, extra = FAMILIES[family]
    tokens = [name for name in extra if name != without]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tiny.backend_tokenizer.__class__.from_str(tiny.backend_tokenizer.to_str()), bos_token="<s>",
        eos_token="</s>", unk_token="<unk>", pad_token="<pad>", **({"mask_token": "<mask>"} if "<mask>" in tokens else {}),
    )  # fmt: skip
    for name in tokens:
        special = not name.startswith("▁")
        tokenizer.add_tokens([AddedToken(name, special=special, normalized=False)], special_tokens=special)
    torch.manual_seed(0)
    model(len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(str(folder))
    return folder


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def checkpoint(family: str, tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> Path:
    return made(family, tiny_tokenizer, tmp_path / family)


def rows(texts: list[str]) -> tuple[Row, ...]:
    return tuple(Row(str(number), str(number), "min-Latn", {"text": text}) for number, text in enumerate(texts))


STRANGE = ["dorpa rivo vecho", "mira dorpa keli", "rivo keli mira dorpa"]  # words that have no pieces of their own

CORPUS = Corpus("toy", rows((TEXTS + STRANGE) * 6), rows(TEXTS), rows(TEXTS), (), "CC0-1.0")


def recipe_text(base: object, method: str = "full", epochs: int = 40, vocabulary: str = "", more: str = "") -> str:
    kept = vocabulary or "{extend: off, trim: off}"
    return RECIPE.format(base=base, method=method, epochs=epochs, vocabulary=kept, more=more)


def plan(folder: Path, method: str = "full", epochs: int = 40, vocabulary: str = "") -> Plan:
    recipe = parse_recipe(recipe_text(folder, method, epochs, vocabulary), "recipe.yaml")
    return make_plan(recipe, describe(str(folder), folder), Machine.detect("cpu", 1))


def masked_lm(found: Plan) -> MaskedLM:
    tokenizer, model = load(found.checkpoint)
    layers = found.checkpoint.architecture.layers
    adapted = adapt(
        tokenizer, encoder(model), layers, found.recipe.vocabulary, FittingData((TEXTS + STRANGE) * 6), whole=model
    )
    return build(adapted, model, found, CORPUS, make_accelerator(found.machine, found.precision))


def fitted(found: Plan) -> tuple[MaskedLM, list[float]]:
    ours = masked_lm(found)
    aim = objective(ours, found, CORPUS)
    steps = train(
        ours.model, aim, found.recipe.training, accelerator=ours.accelerator, micro_batch_tokens=512
    )  # fmt: skip
    return ours, [step.loss for step in steps]


def per_character(ours: MaskedLM, texts: list[str] = TEXTS) -> float:
    chosen = choose_words(ours.corruption, rows(texts), 1000, 13)
    return costs(ours.model, ours.corruption, rows(texts), chosen, ours.accelerator).per_character


def test_every_family_learns_its_lines_and_costs_the_same_from_disk(
    family: str, checkpoint: Path, tmp_path: Path, options: Options
) -> None:
    before = per_character(masked_lm(plan(checkpoint)))
    ours, losses = fitted(plan(checkpoint))
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
    after = per_character(ours)
    assert after < 0.5 * before
    ours.save(tmp_path / "model")
    again = restore(tmp_path / "model", options)
    assert per_character(again) == pytest.approx(after, abs=1e-5)
    (answer,) = again.predict(["the soup was <mask> and good"])
    assert "<mask>" not in answer.filled and answer.filled.endswith("and good")


@pytest.mark.parametrize("family", ["headless", "xlm-roberta", "mt5", "nllb"], indirect=True)
def test_an_adapter_with_new_rows_is_saved_and_found_again(
    family: str, checkpoint: Path, tmp_path: Path, options: Options
) -> None:
    found = plan(checkpoint, "lora", 20, "{extend: 5, initialise: random, trim: used}")
    ours, losses = fitted(found)
    assert losses[-1] < losses[0]
    assert ours.rows.added == 5
    if family == "mt5":
        assert isinstance(ours.corruption, SpanCorruption), "trimming leaves the marks of holes, which no text uses"
    rows_of = ours.model.get_input_embeddings()
    assert rows_of.new.requires_grad and not rows_of.old.requires_grad
    ours.save(tmp_path / "model")
    again = restore(tmp_path / "model", options)
    assert per_character(again) == pytest.approx(per_character(ours), abs=1e-5)


def test_a_fresh_head_trains_whole_under_an_adapter(tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    folder = made("headless", tiny_tokenizer, tmp_path / "base")
    ours = masked_lm(plan(folder, "lora"))
    assert ours.facts.fresh_head
    assert all(weight.requires_grad for weight in (*transform(ours.model).values(), *biases(ours.model)))
    table = ours.model.get_output_embeddings().weight
    assert table is ours.model.get_input_embeddings().weight and not table.requires_grad
    assert not masked_lm(plan(made("xlm-roberta", tiny_tokenizer, tmp_path / "other"), "lora")).facts.fresh_head


@pytest.mark.parametrize("method", ["bottleneck", "full"])
def test_a_fixed_head_reads_the_same_space_after_training(
    method: str, tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    found = plan(made("headless", tiny_tokenizer, tmp_path / "base"), method, epochs=2)
    fixed = found.recipe.task.model_copy(update={"head": "fixed"})
    ours, _ = fitted(replace(found, recipe=found.recipe.model_copy(update={"task": fixed})))
    dense = next(weight for weight in transform(ours.model).values() if weight.ndim == 2)
    assert torch.equal(dense, torch.eye(len(dense)))
    assert all(bias.requires_grad for bias in biases(ours.model))


def test_all_pieces_alike_cost_what_arithmetic_says(tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    ours = masked_lm(plan(made("xlm-roberta", tiny_tokenizer, tmp_path / "base")))
    with torch.no_grad():  # every state is nought, and so is every logit
        for weight in (*transform(ours.model).values(), *biases(ours.model)):
            weight.zero_()
    size = len(ours.tokenizer)
    tokens = sum(len(ours.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in TEXTS)
    assert per_character(ours) == pytest.approx(math.log2(size) * tokens / sum(map(len, TEXTS)), rel=1e-5)


def test_what_the_base_cannot_read_is_not_cheap(tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    ours = masked_lm(plan(made("xlm-roberta", tiny_tokenizer, tmp_path / "base")))
    assert per_character(ours, ["ЖЖЖ ЖЖ"]) > math.log2(CHARACTERS) * 5 / 6


def test_the_cost_of_a_word_is_read_from_left_to_right(tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    ours = masked_lm(plan(made("bert", tiny_tokenizer, tmp_path / "base")))
    assert isinstance(ours.corruption, Masking)
    (segment,) = ours.corruption.inputs.segments(["we liked zig"], ["min-Latn"])
    last = [place for place, word in enumerate(segment.words) if word == 2]
    assert len(last) > 2
    found = ours.corruption.scoring_examples(segment, {2})
    masked = [[place for place, one in enumerate(one.read) if one == ours.corruption.mask] for one in found]
    first = len(ours.corruption.inputs.before["min-Latn"])
    assert masked == [[first + place for place in last[number:]] for number in range(len(last))]
    assert [list(one.scored) for one in found] == [[first + place] for place in last]


@pytest.mark.parametrize("family", ["bert", "mt5"], indirect=True)
def test_words_are_hidden_whole_and_others_each_time(family: str, checkpoint: Path) -> None:
    corruption = masked_lm(plan(checkpoint)).corruption
    (segment,) = corruption.inputs.segments(["zig zag and the river by zog village people"], ["min-Latn"])
    ends = [list(corruption.mask_together(segment, {0, 6}).target)]
    copies = {tuple(corruption.training_example(segment, random.Random(seed)).read) for seed in range(20)}
    assert len(copies) > 5
    assert corruption.training_example(segment, random.Random(3)) == corruption.training_example(
        segment, random.Random(3)
    )
    for seed in range(20):
        found = corruption.training_example(segment, random.Random(seed))
        if isinstance(corruption, Masking):
            masked = {place - len(corruption.inputs.before["min-Latn"]) for place in found.scored}
            assert (
                masked
                and all(  # nothing of a word is seen behind what is hidden of it
                    place + 1 in masked or segment.words[place + 1 : place + 2] != [segment.words[place]]
                    for place in masked
                )
            )
        else:
            assert isinstance(corruption, SpanCorruption)
            kept = [one for one in found.read if one not in corruption.sentinels]
            back = [one for one in found.target if one not in corruption.sentinels]
            assert sorted([*kept, *back]) == sorted(
                [*corruption.inputs.before["min-Latn"], *segment.ids, *corruption.inputs.after, corruption.end]
            )
    if isinstance(corruption, SpanCorruption):
        (written,) = ends
        names = corruption.inputs.tokenizer.convert_ids_to_tokens(written)
        assert [name for name in names if "extra" in name] == [f"▁<extra_id_{n}>" for n in range(3)]


def test_words_fill_a_text_and_long_texts_are_read_whole(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    text = "the  soup was\twarm " + "x" * 40 + " end"
    spans = words(text)
    assert spans[0] == (0, 3) and "".join(text[start:end] for start, end in spans) == text
    assert max(end - start for start, end in spans) <= 24 and words("") == []
    inputs = SegmentInputs(tiny_tokenizer, {"min-Latn": [0]}, [2], 12)
    long = " ".join(TEXTS)
    parts = inputs.segments([long], ["min-Latn"])
    assert [one for part in parts for one in part.ids] == tiny_tokenizer(long, add_special_tokens=False)["input_ids"]
    assert max(len(part.ids) for part in parts) <= inputs.room
    assert all(before.words[-1] < after.words[0] for before, after in pairwise(parts))


def test_the_same_words_are_scored_for_every_tokenizer(tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    folder = made("bert", tiny_tokenizer, tmp_path / "base")
    small, grown = (masked_lm(plan(folder, vocabulary=how)) for how in ("", "{extend: 5, initialise: mean, trim: off}"))
    chosen = [choose_words(one.corruption, rows(TEXTS), 12, 7) for one in (small, grown)]
    assert chosen[0] == chosen[1] and all(len(some) == 2 for some in chosen[0])
    counted = [
        costs(one.model, one.corruption, rows(TEXTS), chosen[0], one.accelerator).characters for one in (small, grown)
    ]
    assert np.array_equal(*counted)


def test_the_model_of_characters_is_a_distribution_and_learns() -> None:
    model = CharacterModel(TEXTS, order=3)
    alphabet = sorted({*"".join(TEXTS), "\n"})
    for history in ("th", "zz", "\n\n"):
        known = sum(model._probability(history + sign) for sign in alphabet)
        assert known + (CHARACTERS - len(alphabet)) * model._probability(history + "Ж") == pytest.approx(1)
    one = CharacterModel(["ab"], order=1)
    # two kinds in two signs: (1 + 2 · 1/N) / (2 + 2)
    assert one.bits("a") == [pytest.approx(-math.log2((1 + 2 / CHARACTERS) / 4))]
    assert sum(model.bits(TEXTS[0])) < 0.3 * sum(model.bits("Ж" * len(TEXTS[0])))


LINES = [f"{text} number {number}" for number in range(12) for text in TEXTS]


def written(folder: Path, base: object, lines: list[str] = LINES, **choices: Any) -> Path:
    (folder / "corpus.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    recipe = folder / "recipe.yaml"
    recipe.write_text(recipe_text(base, **choices), encoding="utf-8")
    return recipe


def test_one_file_is_split_by_its_lines_alike_each_time(tmp_path: Path, options: Options) -> None:
    file = open_recipe(written(tmp_path, "starter:encoder"))
    first, again = read_data(file, options), read_data(file, options)
    assert first == again and first.dev and first.test and len(first.train) > 40
    assert any("set aside" in finding.what for finding in first.findings)
    written(tmp_path, "starter:encoder", list(reversed(LINES)))
    turned = read_data(file, options)
    assert {row.fields["text"] for row in turned.dev} == {row.fields["text"] for row in first.dev}
    assert first.languages == ("min-Latn",) and not first.labels


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: PreTrainedTokenizerFast, cache: Path) -> Run:
    folder = tmp_path_factory.mktemp("pretrain")
    base = made("xlm-roberta", tiny_tokenizer, folder / "base")
    options = Options(cache=cache, offline=True, device="cpu", threads=1)
    recipe = written(folder, base, method="lora", epochs=2, vocabulary="{extend: 5, initialise: random, trim: used}")
    return run_recipe(recipe, folder / "out", options=options)


def test_a_run_tells_bits_per_character_beside_its_rivals(finished: Run) -> None:
    record = finished.record
    assert record.status == "done" and record.primary_metric == "bits per character"
    assert {score.split for score in record.scores} == {"test", "dev"}
    assert all((score.better, score.unit) == ("lower", "bits") for score in record.scores)
    assert all(score.low <= score.value <= score.high for score in record.scores)
    assert "PLL-word-l2r" in record.scores[0].signature
    assert [baseline.name for baseline in record.baselines] == ["untouched base", "character 5-grams"]
    untouched = record.comparisons[0]
    assert untouched.difference == pytest.approx(record.scores[0].value - record.baselines[0].scores[0].value)
    assert untouched.gain[0] == -untouched.difference > 0
    assert record.transfer is not None and record.transfer.verdict == "hurts", "a tiny model knows less than 5-grams"
    page = (finished.folder / "report.html").read_text(encoding="utf-8")
    assert "Bits per character measure" in page and "lower is better" in page
    assert "Probability of a masked character" in page
    assert "out of 100" not in page
    assert "bits per character" in repr(finished)


def test_a_run_is_loaded_and_fills_in(finished: Run) -> None:
    (answer,) = Run(finished.folder, options=finished.options).predict("the soup was <mask> and good")
    assert answer.text == "the soup was <mask> and good" and "<mask>" not in answer.filled
    with pytest.raises(ModelError, match="is not a language of this run"):
        finished.predict("the <mask>", language="eng-Latn")


def test_a_base_without_a_head_says_that_it_cannot_be_scored(
    tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path, options: Options
) -> None:
    base = made("headless", tiny_tokenizer, tmp_path / "base")
    record = run_recipe(written(tmp_path, base, method="lora", epochs=1), tmp_path / "out", options=options).record
    assert [baseline.name for baseline in record.baselines] == ["character 5-grams"]
    assert record.transfer is not None and "has no head that predicts masked words" in record.transfer.why


def said(error: LowresError, folder: Path) -> str:
    return str(error).replace(str(folder), "…")


def test_an_empty_file_is_refused(here: Path, options: Options) -> None:
    file = open_recipe(written(here, "starter:encoder", lines=[]))
    with pytest.raises(DataError) as refused:
        read_data(file, options)
    assert str(refused.value).splitlines() == [
        f"corpus.txt  has no {split} rows (each of train, dev and test needs some)"
        for split in ("train", "dev", "test")
    ]


def test_a_base_without_a_mask_is_refused(
    tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path, options: Options
) -> None:
    base = made("bert", tiny_tokenizer, tmp_path / "base", without="<mask>")
    with pytest.raises(ModelError) as refused:
        run_recipe(written(tmp_path, base), tmp_path / "out", options=options)
    assert said(refused.value, tmp_path) == (
        "…/recipe.yaml:8:14  base.name: …/base has no mask token, so it cannot be trained to predict masked words "
        "(choose a base that has one: starter:encoder or FacebookAI/xlm-roberta-base)"
    )
