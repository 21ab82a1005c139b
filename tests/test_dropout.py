"""training.dropout: inside the base, while it trains, and nowhere else."""

from pathlib import Path
from typing import Any

import pytest
import torch
from bases import parallel, write_base
from untrained import pairs_corpus, plan_of, translation

from lowres.errors import RecipeError
from lowres.models.checkpoint import describe
from lowres.models.loading import load_encoder, load_translator
from lowres.planning import Options
from lowres.planning.recipe_rules import dropout_fits_method
from lowres.recipe import parse_recipe
from lowres.recipe.sections import Recipe
from lowres.running import run
from lowres.tasks.job import make_accelerator
from lowres.tasks.table import job_of
from lowres.vocabulary.adapting import adapt
from lowres.vocabulary.fitting_data import FittingData

LOADERS = {"xlm-roberta": job_of("pre-training", "encoder").load, "mt5": load_translator, "mbart50": load_translator}
RECIPE = """\
lowres: 2
name: Dropout
task: {{kind: classification, language: min-Latn}}
data: {{card: nusax-sentiment}}
method: {{kind: {method}}}
training: {{dropout: {dropout}}}
"""
WHOLE = """\
lowres: 2
name: Dropout
task: {{kind: classification}}
data: {{files: {{train: train.tsv, dev: dev.tsv, test: test.tsv}}, language: eng-Latn, licence: CC0-1.0, source: this test}}
base: {{name: "{base}"}}
method: {{kind: full}}
vocabulary: {{extend: off, trim: off}}
training: {{epochs: 1, max_length: 64{dropout}}}
ensemble: {{ngrams: off}}
evaluation: {{resamples: 100, baselines: false}}
"""


def recipe(method: str, dropout: str) -> Recipe:
    """A recipe with this method and dropout."""
    return parse_recipe(RECIPE.format(method=method, dropout=dropout), "recipe.yaml")


def outputs(model: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """What two passes over the same ids give."""
    ids = torch.arange(8, 24)[None]
    given = {"input_ids": ids, **({"decoder_input_ids": ids} if model.config.is_encoder_decoder else {})}
    with torch.no_grad():
        return model(**given)[0], model(**given)[0]


@pytest.mark.parametrize("family", LOADERS)
def test_two_passes_differ_while_training_and_only_then(family: str, tmp_path: Path) -> None:
    checkpoint = describe(family, write_base(family, tmp_path))
    _, model = LOADERS[family](checkpoint, 0.2)
    _, plain = LOADERS[family](checkpoint)
    one, other = outputs(model.train())
    assert not torch.equal(one, other)
    assert torch.equal(*outputs(model.eval()))
    assert torch.equal(*outputs(plain.train()))
    assert torch.equal(outputs(model)[0], outputs(plain.eval())[0])
    own = type(model.config).from_pretrained(str(tmp_path))
    fields = (*checkpoint.architecture.dropouts, *checkpoint.architecture.layer_dropouts)
    assert [getattr(model.config, field) for field in fields] == [getattr(own, field) for field in fields]


def test_a_run_trains_with_it(small_data: Path, tiny_encoder: Path, options: Options) -> None:
    losses = []
    for dropout in ("", ", dropout: 0.3"):
        path = small_data / "recipe.yaml"
        path.write_text(WHOLE.format(base=tiny_encoder, dropout=dropout), encoding="utf-8")
        finished = run(path, small_data / f"out{len(losses)}", options=options)
        losses.append([step.loss for step in finished.record.training.steps])
    assert losses[0] != losses[1]


def test_an_encoder_has_it_everywhere_in_its_layers(tiny_encoder: Path) -> None:
    _, model = load_encoder(describe("tiny", tiny_encoder), 0.3)
    found = [module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    assert found and set(found) == {0.3}


def test_whole_layers_are_never_left_out(tmp_path: Path) -> None:
    _, model = load_translator(describe("mbart50", write_base("mbart50", tmp_path)), 0.3)
    assert model.get_encoder().layerdrop == 0 and model.get_decoder().layerdrop == 0
    assert model.get_encoder().dropout == 0.3


def test_states_that_a_frozen_encoder_keeps_have_none(tmp_path: Path) -> None:
    plan, corpus = (
        plan_of(write_base("mbart50", tmp_path), translation(), method="{kind: decoder}"),
        pairs_corpus(parallel("id")[:6]),
    )
    job = job_of("translation", plan.checkpoint.architecture.shape)
    tokenizer, base = job.load(plan.checkpoint, 0.3)
    nothing = adapt(
        tokenizer,
        job.encoder(base),
        plan.checkpoint.architecture.layers,
        plan.recipe.vocabulary,
        FittingData([]),
        whole=base,
    )
    translator = job.build(nothing, base, plan, corpus, make_accelerator(plan.machine, "fp32"))
    objective: Any = job.objective(translator, plan, corpus)
    assert objective.frozen
    translator.model.train()
    objective.loss([0], 0)
    ((ids, kept),) = objective.encoder_states.items()
    wanted = translator.model.get_encoder().eval()(input_ids=torch.tensor([ids])).last_hidden_state[0]
    torch.testing.assert_close(kept.float(), wanted)


@pytest.mark.parametrize(("method", "refused"), [("features", True), ("head", True), ("full", False), ("lora", False)])
def test_it_is_refused_where_nothing_inside_the_base_trains(method: str, refused: bool) -> None:
    found = list(dropout_fits_method(recipe(method, "0.1"), Path()))
    assert [problem.where for problem in found] == (["training.dropout"] if refused else [])
    assert not list(dropout_fits_method(recipe(method, "0"), Path()))


def test_nothing_is_dropped_unless_the_recipe_says_so() -> None:
    assert Recipe.model_validate({**recipe("full", "0").model_dump(exclude={"training"})}).training.dropout == 0
    with pytest.raises(RecipeError):
        recipe("full", "1.0")
