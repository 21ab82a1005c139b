"""A base of which a file was changed since a run was cut off, or since it ended, is refused with the remedy, and nothing is lost."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from bases import write_base
from matrix import tried
from test_backtranslation import prepared as prepared_pairs
from test_cache import bit_flipped
from test_run_folder import prepared as prepared_reviews

from lowres.errors import Interrupted, ModelError, TrainingError
from lowres.models.digests import folder_sha256
from lowres.planning import Options
from lowres.running import run as run_recipe
from lowres.runs.run import Run
from lowres.runs.writing import Event
from lowres.training.loop import Step

Change = Callable[[Path], object]


def edited(name: str, **fields: object) -> tuple[str, Change]:
    """A JSON file of the base, which need not be there before, gets other fields."""

    def change(path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        before = json.loads(path.read_bytes()) if path.exists() else {}
        path.write_text(json.dumps(before | fields), encoding="utf-8")

    return name, change


EVERY = (
    ("model.safetensors", bit_flipped),
    edited(
        "tokenizer.json", truncation={"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
    ),
    edited("tokenizer_config.json", truncation_side="left"),
    edited("special_tokens_map.json", sep_token="<s>"),
)
CHANGES: dict[str, tuple[tuple[str, Change], ...]] = {
    "classification": (
        *EVERY,
        edited("config.json", hidden_act="relu"),
        edited("config.json", layer_norm_eps=0.1),
        edited("lowres.json", prefix="query: "),
        edited("1_Pooling/config.json", pooling_mode_mean_tokens=True),
    ),
    "translation": (
        *EVERY,
        edited("config.json", activation_function="gelu"),
        edited("generation_config.json", repetition_penalty=5.0),
        edited("generation_config.json", bad_words_ids=[[7]]),
    ),
}
THE_SAME = ("config.json", "generation_config.json"), {"transformers_version": "9.0.0"}  # what changes nothing


def project(kind: str, folder: Path, tiny_encoder: Path) -> tuple[Path, Path]:
    """The recipe of a task, and its base beside it."""
    if kind == "classification":
        return prepared_reviews(folder, tiny_encoder), folder / "tiny"
    write_base("nllb", folder / "tiny")
    recipe = prepared_pairs(folder, Path("tiny"))
    changes = {
        "epochs: 20": "epochs: 1",
        "batch_tokens: 512": "batch_tokens: 128",
        "qaa-Latn": "ind-Latn",
        "beams: 2": "beams: 1",
    }
    text = recipe.read_text(encoding="utf-8").replace("  back_translation: {epochs: 4}\n", "")
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    recipe.write_text(text, encoding="utf-8")
    return recipe, folder / "tiny"


def undone(path: Path) -> Callable[[], object]:
    """Brings a file back as it is now."""
    if not path.exists():
        return path.unlink
    content = path.read_bytes()
    return lambda: path.write_bytes(content)


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("kind", CHANGES)
def test_a_base_that_changed_is_refused_and_nothing_is_lost(
    kind: str, tmp_path: Path, tiny_encoder: Path, options: Options
) -> None:
    (recipe, base), out, updates = project(kind, tmp_path, tiny_encoder), tmp_path / "out", list[int]()

    def watch(event: Event) -> None:
        if isinstance(event, Step):
            updates.append(event.update)
            if len(updates) == 2:
                raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        run_recipe(recipe, out, options=options, notify=watch)
    kept = folder_sha256(out / "checkpoints")
    for name, change in CHANGES[kind]:
        undo = undone(base / name)
        change(base / name)
        words = "was written with other base than there is now .bring it back as it was, or start again"
        with tried("a base that was changed: the run goes on", "refused with the remedy, nothing lost"):
            with pytest.raises(TrainingError, match=words):
                run_recipe(recipe, out, options=options)
            assert folder_sha256(out / "checkpoints") == kept, name
        undo()
    for name in THE_SAME[0]:
        if (base / name).exists():
            edited(name, **THE_SAME[1])[1](base / name)
    run = run_recipe(recipe, out, options=options, notify=watch)
    assert updates[:3] == [1, 2, 3] and run.record.status == "done" and run.record.training is not None
    assert run.record.training.resumed_after == [2]
    texts, languages = ["the soup was warm"], dict.fromkeys(("source",) if kind == "translation" else (), "eng-Latn")
    before = Run(out, options=options).predict(texts, **languages)
    for name, change in CHANGES[kind]:
        undo = undone(base / name)
        change(base / name)
        words = "was trained over another tiny than the one found here .bring the files of the base back as they were"
        trial = tried("a base that was changed: the run predicts", "refused with the remedy")
        with trial, pytest.raises(ModelError, match=words):
            Run(out, options=options).predict(texts, **languages)
        undo()
    assert Run(out, options=options).predict(texts, **languages) == before
