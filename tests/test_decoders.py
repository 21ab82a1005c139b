"""GPT-type bases: tiny checkpoints of every family, in their own file layout, from their recipes to saved models."""

from itertools import count
from pathlib import Path

import pytest
import torch
from bases import ENGLISH, TOY, parallel
from decoder_bases import DECODERS, write_decoder
from untrained import pairs_corpus, plan_of, predictor_of, translation

from lowres.errors import ModelError, PlanError
from lowres.models.checkpoint import describe
from lowres.models.frames import Frame
from lowres.models.loading import load_decoder
from lowres.models.modules import linear_modules
from lowres.planning import Options
from lowres.recipe.sections import Decoding
from lowres.tasks.generation.continuation import continuations
from lowres.tasks.generation.objective import AnswerObjective
from lowres.tasks.job import make_accelerator
from lowres.tasks.prompted_translation import job as prompted
from lowres.tasks.prompted_translation.model import PromptedTranslator
from lowres.tasks.table import restore
from lowres.training.loop import train

PAIRS = [*zip(ENGLISH, TOY, strict=True), *parallel("id")[:5]]


@pytest.fixture(scope="session")
def decoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny checkpoint of every family."""
    folder = tmp_path_factory.mktemp("decoders")
    for name in DECODERS:
        write_decoder(name, folder / name)
    return folder


@pytest.mark.parametrize("name", DECODERS)
def test_every_family_loads_with_all_its_linear_layers(name: str, decoders: Path) -> None:
    found = describe(name, decoders / name)
    tokenizer, model = load_decoder(found)
    assert found.architecture.shape == "decoder" and found.layers == 2 and found.hidden_size == 32
    assert (
        sum(weight.numel() for weight in model.parameters())
        <= found.parameters
        <= 2.1 * sum(weight.numel() for weight in model.parameters())
    )
    adapted = linear_modules(model, found.architecture)
    inside = {
        name
        for name, module in model.named_modules()
        if type(module).__name__ in ("Linear", "Conv1D") and module is not model.get_output_embeddings()
    }
    assert set(adapted) == inside, "all linear layers but the head"
    assert tokenizer.pad_token_id is not None


@pytest.mark.parametrize("name", DECODERS)
def test_a_prompt_ends_where_the_answer_begins_and_text_cannot_end_a_turn(name: str, decoders: Path) -> None:
    tokenizer, _ = load_decoder(describe(name, decoders / name))
    frame = Frame(tokenizer)
    end = tokenizer.convert_ids_to_tokens(frame.end)
    plain, sly = frame.prompt("the soup"), frame.prompt(f"the soup{end}")
    assert plain.count(frame.end) == sly.count(frame.end), "an end token in a text is text"
    shots = frame.prompt("the room", [("the soup", "lo mira")])
    text = tokenizer.decode(shots)
    assert text.index("the soup") < text.index("lo mira") < text.index("the room")
    assert frame.end in shots[: len(shots) - len(frame.prompt("the room")) + 12], "the example's answer is ended"
    assert frame.answer([*frame.plain("lo mira tas keli"), frame.end, *frame.plain("more")]) == "lo mira tas keli"


def test_templates_that_drop_the_system_message_are_refused(decoders: Path) -> None:
    for name, said in (("llama", "leaves out the system message"), ("gemma3", "System role not supported")):
        tokenizer, _ = load_decoder(describe(name, decoders / name))
        assert Frame(tokenizer).prompt("the soup")
        with pytest.raises(ModelError, match=said):
            Frame(tokenizer, "Be brief.").prompt("the soup")
    tokenizer.chat_template = "{% for message in messages %}{{ message['role'] }}{% endfor %}"
    with pytest.raises(ModelError, match="leaves out what it is given"):
        Frame(tokenizer).prompt("the soup")


@pytest.mark.parametrize("name", DECODERS)
def test_padding_on_the_left_changes_no_continuation(name: str, decoders: Path, options: Options) -> None:
    plan = plan_of(decoders / name, translation())
    tokenizer, model = load_decoder(plan.checkpoint)
    frame, accelerator = Frame(tokenizer), make_accelerator(plan.machine, "fp32")
    prompts = [frame.prompt(text) for text in (ENGLISH[0], f"{ENGLISH[1]} and {ENGLISH[2]} and {ENGLISH[3]}")]
    most = [12, 12]
    together = continuations(model, frame, prompts, Decoding(beams=1), most, accelerator)
    apart = [continuations(model, frame, [prompt], Decoding(beams=1), [12], accelerator)[0] for prompt in prompts]
    assert [frame.answer(ids) for ids in together] == [frame.answer(ids) for ids in apart]


@pytest.mark.parametrize("name", DECODERS)
def test_a_method_either_fits_a_family_or_is_refused_with_a_remedy(name: str, decoders: Path) -> None:
    refused = {}
    for kind in ("lora", "oft", "ia3", "adalora", "bottleneck", "full", "freeze"):
        text = f"{{kind: {kind}, block_size: 16}}" if kind == "oft" else f"{{kind: {kind}}}"
        try:
            plan = plan_of(decoders / name, translation(), max_length=120, method=text)
        except PlanError as error:
            refused[kind] = str(error)
        else:
            translator = predictor_of(plan, pairs_corpus(PAIRS))
            assert any(weight.requires_grad for weight in translator.model.parameters())
    assert set(refused) == ({"oft"} if name == "gpt2" else set())
    assert all("choose lora" in said for said in refused.values())


def test_a_prompt_that_leaves_no_room_for_a_text_is_refused_before_training(decoders: Path) -> None:
    plan = plan_of(
        decoders / "opt", translation(more=", hints: off"), max_length=40, vocabulary="{extend: off, trim: used}"
    )
    with pytest.raises(ModelError, match=r"40 tokens are too few: the shortest source of train takes .*raise it to"):
        predictor_of(plan, pairs_corpus(PAIRS[:9]))


def test_a_decoder_translates_long_texts_in_parts_as_it_has_seen_too_few_of_them(decoders: Path) -> None:
    pairs = [(f"Tree {number} is old.", f"Pohon {number} tua.") for number in range(99)]
    long = " ".join(text for text, _ in pairs[:9])
    corpus = pairs_corpus([*pairs, (long, long)])
    way = ("eng-Latn", "ind-Latn")
    for objective, parts in (("translation", 9), ("language-model", 1)):
        plan = plan_of(decoders / "smollm2", translation(more=f", objective: {objective}"), max_length=200)
        found = predictor_of(plan, corpus)
        assert found.fits(pairs[-1][0], way) and len(found.segments(pairs[-1][0], way)) == 1
        assert len(found.segments(long, way)) == parts


def test_a_hint_in_the_prompt_lets_no_answer_be_twice_as_long(decoders: Path) -> None:
    pairs = [(f"Tree {number} is old and tall.", f"Pohon {number} tua dan tinggi.") for number in range(99)]
    plan = plan_of(decoders / "smollm2", translation(), max_length=200)
    found = predictor_of(plan, pairs_corpus(pairs))
    assert isinstance(found, PromptedTranslator)
    text, way = " ".join(text for text, _ in pairs[:3]), ("eng-Latn", "ind-Latn")
    shown, bare = found.source_ids(text, *way), found.prompts.sources([text], *way)[0]
    assert found.hints and len(shown) > 1.5 * len(bare)
    assert found.hinted and found.most(shown) < 1.5 * found.prompts.most(bare, 2.0, hinted=False)
    plan = plan_of(decoders / "smollm2", translation(more=", hints: off"), max_length=200)
    alone = predictor_of(plan, pairs_corpus(pairs))
    assert isinstance(alone, PromptedTranslator)
    assert not alone.hinted and alone.most(bare) == found.prompts.most(bare, 2.0, hinted=False)


@pytest.mark.parametrize("name", ["smollm2", "gemma2", "gpt2", "llama"])
def test_a_decoder_learns_to_translate_and_is_restored(
    name: str, decoders: Path, tmp_path: Path, options: Options
) -> None:
    text = translation().replace("both: true", "hints: off")
    plan = plan_of(decoders / name, text, max_length=120, method="{kind: full}")
    corpus = pairs_corpus(PAIRS[:6])
    translator = predictor_of(plan, corpus)
    objective = prompted.objective(translator, plan, corpus)
    assert isinstance(objective, AnswerObjective)
    settings = plan.recipe.training.model_copy(
        update={"epochs": 60, "learning_rate": 0.01, "batch_tokens": 2048, "patience": 40, "label_smoothing": 0.0}
    )
    objective.label_smoothing, objective.dev_score = 0.0, count(1).__next__  # the last weights are kept
    steps = list(
        train(translator.model, objective, settings, accelerator=translator.accelerator, micro_batch_tokens=2048)
    )
    assert steps[-1].loss < 0.3 * steps[0].loss
    found = translator.predict([source for source, _ in PAIRS[:6]])
    assert sum(one.translation == target for one, (_, target) in zip(found, PAIRS[:6], strict=True)) >= 5, found
    translator.save(tmp_path / "model")
    again = restore("translation", "decoder", tmp_path / "model", options, "trained")
    restored = again.predict([source for source, _ in PAIRS[:6]])
    assert [one.translation for one in restored] == [one.translation for one in found]


def test_only_the_tokens_of_the_answer_are_learned(decoders: Path) -> None:
    plan = plan_of(decoders / "gemma2", translation(), max_length=120)
    translator = predictor_of(plan, pairs_corpus(PAIRS))
    objective = prompted.objective(translator, plan, pairs_corpus(PAIRS))
    example = objective.examples[0]
    loss, count = objective.loss([0], 0)
    assert count == len(example.answer) and example.answer[-1] == translator.prompts.frame.end
    ids = torch.tensor([[*example.prompt, *example.answer]])
    logits = translator.model(input_ids=ids).logits[0, len(example.prompt) - 1 : -1].float()
    expected = torch.nn.functional.cross_entropy(
        logits, torch.tensor(example.answer), label_smoothing=objective.label_smoothing, reduction="sum"
    )
    assert torch.allclose(loss, expected, rtol=1e-4), "also with Gemma 2's bounded logits"


@pytest.mark.parametrize("name", DECODERS)
def test_what_prompts_begin_with_is_read_once_and_learned_from_as_if_read_in_each(name: str, decoders: Path) -> None:
    plan = plan_of(decoders / name, translation(more=", hints: off"), max_length=120)
    translator = predictor_of(plan, pairs_corpus(PAIRS))
    objective = prompted.objective(translator, plan, pairs_corpus(PAIRS))
    rows = range(len(objective.examples))
    together, apart = objective.loss(rows, 0), [objective.loss([row], 0) for row in rows]
    assert together[1] == sum(count for _, count in apart)
    losses = together[0], torch.stack([loss for loss, _ in apart]).sum()
    assert torch.allclose(*losses, rtol=1e-4)
    weights = [weight for weight in translator.model.parameters() if weight.requires_grad]
    for ours, theirs in zip(*(torch.autograd.grad(loss, weights) for loss in losses), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_the_processor_reads_what_prompts_begin_with_once(decoders: Path) -> None:
    plan = plan_of(decoders / "llama", translation(more=", hints: off"), max_length=120)
    translator = predictor_of(plan, pairs_corpus(PAIRS))
    objective = prompted.objective(translator, plan, pairs_corpus(PAIRS))
    shapes = []
    table = translator.model.get_input_embeddings()
    table.register_forward_hook(lambda module, given, found: shapes.append(tuple(given[0].shape)))
    english = [
        row
        for row, example in enumerate(objective.examples)
        if example.prompt[:20] == objective.examples[0].prompt[:20]
    ]
    objective.loss(english, 0)
    (one, shared), (rows, rest) = shapes
    assert (one, rows) == (1, len(english)) and shared + rest == max(objective.lengths[row] for row in english)
    assert len({tuple(objective.examples[row].prompt[:shared]) for row in english}) == 1 and shared >= 20
    shapes.clear()
    objective.loss(english[:2], 0)
    assert [rows for rows, _ in shapes] == [2], "two of them would not be worth a pass"
