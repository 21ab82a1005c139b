"""Translation with every family of encoder-decoders: languages are marked as the family does, pairs are learned, nothing is lost."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from bases import fairseq_model, write_base
from tokenizers import AddedToken
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    EncoderDecoderCache,
    M2M100Config,
    M2M100ForConditionalGeneration,
    PreTrainedTokenizerFast,
)

from lowres.data.corpus import Corpus, Row
from lowres.errors import ModelError
from lowres.languages.codes import FORMS, form_of, new_token, token_for
from lowres.languages.sentences import parts, sentences
from lowres.models.checkpoint import describe, find_base
from lowres.models.loading import load_encoder, load_translator
from lowres.places import Places
from lowres.planning import Machine, Options, Plan, make_plan
from lowres.recipe import parse_recipe
from lowres.starters.starters import STARTERS
from lowres.tasks.job import make_accelerator
from lowres.tasks.translation.job import build, objective
from lowres.tasks.translation.model import Translator, restore
from lowres.tasks.translation.search import BeamCache
from lowres.training.loop import train
from lowres.vocabulary.adapting import adapt
from lowres.vocabulary.fitting_data import FittingData

RECIPE = """\
lowres: 2
name: Small translator
task: {{kind: translation, source: eng-Latn, target: {target}, both: true, hints: {hints}{more}}}
data: {{card: nusax-sentiment}}
base: {{name: "{base}"}}
method: {{kind: {method}}}
training: {{epochs: 60, learning_rate: 0.005, batch_tokens: 512, max_length: 60, patience: 100, label_smoothing: 0.0}}
decoding: {{beams: 2}}
"""
WORDS = {
    "the": "lo",
    "soup": "mira",
    "was": "tas",
    "warm": "keli",
    "cold": "soro",
    "room": "bado",
    "clean": "nuvi",
    "cook": "pelo",
}
SUBJECTS, STATES = ("soup", "room", "cook"), ("warm", "cold", "clean")
ENGLISH = [f"the {subject} was {state}" for subject in SUBJECTS for state in STATES]
OTHER = [" ".join(WORDS[word] for word in text.split()) for text in ENGLISH]
bart = fairseq_model(BartForConditionalGeneration, BartConfig)
# base → what stands before and behind an English source that goes into Minangkabau
FAMILIES: dict[str, tuple[list[str], list[str]]] = {
    "mt5": ([], ["</s>"]),
    "umt5": ([], ["</s>"]),
    "nllb": (["eng_Latn"], ["</s>"]),
    "nllb-v5": (["eng_Latn"], ["</s>"]),
    "m2m100": (["__en__"], ["</s>"]),
    "m2m100-bare": (["__en__"], ["</s>"]),
    "mbart50": (["en_XX"], ["</s>"]),
    "bart": (["<s>"], ["</s>"]),
    "marian": (["<min-Latn>"], ["</s>"]),  # of one pair: both directions need tokens of their own
    "marian-multilingual": ([">>min<<"], ["</s>"]),
}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def checkpoint(family: str, tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> Path:
    if family != "bart":  # published for no pair of languages: lowres gives encoders such a decoder
        return write_base(family, tmp_path / family)
    torch.manual_seed(0)
    bart(len(tiny_tokenizer)).save_pretrained(tmp_path / family)
    tiny_tokenizer.save_pretrained(str(tmp_path / family))
    return tmp_path / family


def corpus(target: str = "min-Latn") -> Corpus:
    def rows(times: int) -> tuple[Row, ...]:
        return tuple(
            Row(f"{tag}/{time}-{number}", f"{time}-{number}", tag, {"text": text})
            for time in range(times)
            for tag, texts in (("eng-Latn", ENGLISH), (target, OTHER))
            for number, text in enumerate(texts)
        )

    return Corpus("toy", rows(8), rows(1), rows(1), (), "CC0-1.0")


def plan(folder: Path, method: str = "full", target: str = "min-Latn", *, hints: str = "off", more: str = "") -> Plan:
    text = RECIPE.format(base=folder, target=target, method=method, hints=hints, more=more)
    recipe = parse_recipe(text, "recipe.yaml")
    return make_plan(recipe, describe(str(folder), folder), Machine.detect("cpu", 1))


def translator(made: Plan, data: Corpus, section: str = "{extend: off, trim: off}") -> Translator:
    tokenizer, model = load_translator(made.checkpoint)
    vocabulary = made.recipe.vocabulary.model_validate({"extend": "off", "trim": "off"})
    adapted = adapt(tokenizer, model.get_encoder(), "layers", vocabulary, FittingData([*ENGLISH, *OTHER]), whole=model)
    return build(adapted, model, made, data, make_accelerator(made.machine, made.precision))


def fitted(made: Plan, data: Corpus) -> Translator:
    found = translator(made, data)
    for _ in train(
        found.model,
        objective(found, made, data),
        made.recipe.training,
        accelerator=found.accelerator,
        micro_batch_tokens=512,
    ):
        pass
    return found


def test_sources_are_marked_as_the_family_does(family: str, checkpoint: Path) -> None:
    found = translator(plan(checkpoint), corpus())
    before, behind = FAMILIES[family]
    (ids,) = found.inputs.sources(["the soup was warm"], "eng-Latn", "min-Latn")
    names = found.inputs.tokenizer.convert_ids_to_tokens(ids)
    assert names[-len(behind) :] == behind
    assert names[: len(before)] == before
    if found.inputs.language_marking.source == "words":
        written = str(found.inputs.tokenizer.decode(ids, skip_special_tokens=True))
        assert written.startswith("translate English to Minangkabau: the soup")
    (target,) = found.inputs.targets(["lo mira"], "min-Latn")
    assert target[-1] == found.inputs.end
    assert (target[0] in found.inputs.tags.values()) is found.inputs.language_marking.forced


def test_every_family_learns_pairs_in_both_directions_and_answers_the_same_from_disk(
    family: str, checkpoint: Path, tmp_path: Path, options: Options
) -> None:
    data = corpus()
    found = fitted(plan(checkpoint), data)
    there = [answer.translation for answer in found.predict(ENGLISH, source="eng-Latn", target="min-Latn")]
    back = [answer.translation for answer in found.predict(OTHER, source="min-Latn", target="eng-Latn")]
    assert sum(map(str.__eq__, there, OTHER)) >= 8, there
    assert sum(map(str.__eq__, back, ENGLISH)) >= 8, back
    facts = found.facts.model_copy(update={"base": str(checkpoint)})
    replace(found, facts=facts).save(tmp_path / "model")
    again = restore(tmp_path / "model", options)
    assert [answer.translation for answer in again.predict(ENGLISH, source="eng-Latn", target="min-Latn")] == there


def test_beams_that_share_their_source_find_what_beams_of_their_own_find(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = translator(plan(checkpoint), corpus())  # untrained, so that beams often change places
    decoding = found.facts.decoding.model_copy(update={"beams": 4})
    found = replace(found, facts=found.facts.model_copy(update={"decoding": decoding}))
    shared = found.predict(ENGLISH, source="eng-Latn", target="min-Latn")
    monkeypatch.setattr(BeamCache, "reorder_cache", EncoderDecoderCache.reorder_cache)
    assert shared == found.predict(ENGLISH, source="eng-Latn", target="min-Latn")
    assert len({answer.translation for answer in shared}) > 1


def test_every_translation_that_a_search_ends_with_shows_the_placeholders(tmp_path: Path) -> None:
    found = translator(plan(write_base("byt5", tmp_path / "byt5")), corpus())
    text, written = "the <b>%(name)s</b> was warm ★", "lo ● tas keli ★"
    ids = iter([*found.inputs.subwords([written])[0], *[found.inputs.end] * 200])

    def dictate(head: torch.nn.Module, states: tuple[torch.Tensor, ...], logits: torch.Tensor) -> torch.Tensor:
        return logits + 100 * torch.nn.functional.one_hot(torch.tensor(next(ids)), logits.shape[-1])

    found.model.get_output_embeddings().register_forward_hook(dictate)
    best, other = found.hypotheses(text, ("eng-Latn", "min-Latn"))
    assert best.text == "lo <b>%(name)s</b> tas keli ★" and best.probability == pytest.approx(1, abs=1e-3)
    assert other.text != best.text and "●" not in other.text


def test_a_translator_of_few_pairs_has_no_hints_and_is_found_again(tmp_path: Path, options: Options) -> None:
    made = plan(write_base("mt5", tmp_path / "mt5"), hints="lexicon")
    data = corpus()
    few = replace(data, train=data.test)
    assert translator(made, data).facts.hints
    found = translator(made, few)
    assert not found.facts.hints and not found.phrase_tables
    found.save(tmp_path / "model")
    answers = found.predict(ENGLISH, source="eng-Latn", target="min-Latn")
    assert restore(tmp_path / "model", options).predict(ENGLISH, source="eng-Latn", target="min-Latn") == answers


@pytest.mark.parametrize("method", ["lora", "decoder"])
@pytest.mark.parametrize("family", ["nllb", "bart", "mt5"], indirect=True)
def test_adapters_and_new_tags_are_saved_and_found_again(
    family: str, method: str, checkpoint: Path, tmp_path: Path, options: Options
) -> None:
    data = corpus()
    found = fitted(plan(checkpoint, method), data)
    answers = [answer.translation for answer in found.predict(ENGLISH, source="eng-Latn", target="min-Latn")]
    found.save(tmp_path / "model")
    again = restore(tmp_path / "model", options)
    assert [answer.translation for answer in again.predict(ENGLISH, source="eng-Latn", target="min-Latn")] == answers


def test_a_new_tag_starts_from_the_language_that_it_is_like(
    tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    folder = tmp_path / "nllb"
    tokenizer = PreTrainedTokenizerFast.from_pretrained(_saved(tiny_tokenizer, tmp_path / "own"))
    tokenizer.add_tokens(
        [AddedToken(tag, special=True) for tag in ("eng_Latn", "ind_Latn", "jav_Latn")], special_tokens=True
    )
    fairseq_model(M2M100ForConditionalGeneration, M2M100Config)(len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(str(folder))
    made = plan(folder, "lora", more=", init_from: {min-Latn: ind-Latn}")
    found = translator(made, corpus())
    rows = found.model.get_input_embeddings()
    assert torch.equal(rows.new[0], rows.old[found.inputs.tokenizer.convert_tokens_to_ids("ind_Latn")])
    assert found.facts.tags == {"eng-Latn": "eng_Latn", "min-Latn": "min_Latn"}
    wrong = plan(folder, "lora", more=", init_from: {min-Latn: sun-Latn}")
    with pytest.raises(ModelError, match="no tag for sun-Latn"):
        translator(wrong, corpus())


def _saved(tokenizer: PreTrainedTokenizerFast, folder: Path) -> str:
    tokenizer.save_pretrained(str(folder))
    return str(folder)


def test_an_encoder_with_a_new_decoder_reads_as_before(tiny_encoder: Path, cache: Path) -> None:
    encoder = find_base(str(tiny_encoder), None, Places(cache, cache, offline=True), STARTERS)
    made = find_base(str(tiny_encoder), None, Places(cache, cache, offline=True), STARTERS, decoder=2)
    tokenizer, plain = load_encoder(encoder)
    _, model = load_translator(made)
    ids = torch.tensor([tokenizer("the soup was warm and good")["input_ids"]])
    with torch.inference_mode():
        before, after = plain(ids).last_hidden_state, model.get_encoder()(ids).last_hidden_state
    assert torch.allclose(before, after, atol=1e-3)
    assert len(model.get_decoder().layers) == 2 and made.architecture.family == "BART"
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: PreTrainedTokenizerFast) -> Translator:
    folder = tmp_path_factory.mktemp("answering")
    bart(len(tiny_tokenizer)).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(str(folder))
    return translator(plan(folder), corpus())


def test_nothing_is_dropped_of_empty_and_of_long_texts(answering: Translator) -> None:
    texts = ["", "the soup was warm", "   ", " ".join(["the soup was warm."] * 1250)]
    found = answering.predict(texts, source="eng-Latn", target="min-Latn")
    assert [answer.text for answer in found] == texts
    assert found[0].translation == found[2].translation == "" and found[0].parts == 0
    assert found[3].parts > 100


def test_directions_that_the_model_does_not_know_are_refused(answering: Translator) -> None:
    with pytest.raises(ModelError, match="several directions"):
        answering.predict(["the soup"])
    assert answering.direction("eng-Latn", None) == ("eng-Latn", "min-Latn")
    with pytest.raises(ModelError, match="translate into ind-Latn"):
        answering.predict(["the soup"], source="eng-Latn", target="ind-Latn")


def test_tags_are_found_in_the_way_of_each_model() -> None:
    nllb = ["eng_Latn", "zsm_Latn", "ind_Latn", "arb_Arab"]
    form = form_of(nllb)
    assert form is not None
    assert token_for("ind-Latn", nllb, form) == "ind_Latn" and token_for("msa-Latn", nllb, form) == "zsm_Latn"
    assert token_for("ara-Arab", nllb, form) == "arb_Arab" and token_for("min-Latn", nllb, form) is None
    assert new_token("min-Latn", form) == "min_Latn"
    mbart = ["en_XX", "id_ID"]
    assert token_for("ind-Latn", mbart, FORMS[3]) == "id_ID" and form_of(["</s>"]) is None


def test_long_texts_are_cut_at_sentences_then_at_words() -> None:
    text = "The soup was warm. Was the room clean? J. Cook said so! It cost 3.50 today."
    assert sentences(text) == ["The soup was warm.", "Was the room clean?", "J. Cook said so!", "It cost 3.50 today."]
    assert sentences("今天很热。我们喝汤！") == ["今天很热。", "我们喝汤！"]
    cut = parts(text, 8, lambda part: len(part.split()))
    assert cut == ["The soup was warm. Was the room clean?", "J. Cook said so! It cost 3.50 today."]
    assert parts("a b c d e", 2, lambda part: len(part.split())) == ["a b", "c d", "e"]
