"""A translation recipe from its file to a folder that translates the same in another process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lowres.cli.answering import notices
from lowres.errors import DataError, ModelError, PlanError
from lowres.planning import Options
from lowres.running import run as run_recipe
from lowres.runs.run import Run

RECIPE = """\
lowres: 2
name: Small translator
task: {{kind: translation, source: eng-Latn, target: qaa-Latn, both: true}}
data:
  files:
    train: {{eng-Latn: en.txt, qaa-Latn: toy.txt}}
    dev: {{eng-Latn: en.dev.txt, qaa-Latn: toy.dev.txt}}
    test: {{eng-Latn: en.test.txt, qaa-Latn: toy.test.txt}}
  licence: CC0-1.0
  source: written for this test
base: {{name: "{base}", decoder_layers: 1}}
vocabulary: {{extend: off, trim: used}}
method: {{kind: {method}}}
training: {{epochs: 3, learning_rate: 0.003, batch_tokens: 512, max_length: 60}}
decoding: {{beams: 2}}
evaluation: {{resamples: 100}}
"""
WORDS = {
    "the": "lo", "soup": "mira", "was": "tas", "warm": "keli", "cold": "soro", "room": "bado", "clean": "nuvi", "cook": "pelo",
    "good": "bono", "village": "dorpa", "river": "rivo", "and": "ke", "old": "vecho",
}  # fmt: skip
SUBJECTS, STATES, MORE = (
    ("soup", "room", "cook", "village", "river"),
    ("warm", "cold", "clean", "good", "old"),
    ("soup", "river", "cook"),
)
TEXTS = [f"the {one} was {state} and the {other} was good" for one in SUBJECTS for state in STATES for other in MORE]


def toy(text: str) -> str:
    return " ".join(WORDS[word] for word in text.split())


def prepared(folder: Path, base: Path, method: str = "decoder", texts: list[str] = TEXTS) -> Path:
    cuts = {"": texts[:61], ".dev": texts[61:68], ".test": texts[68:]}
    for name, part in cuts.items():
        (folder / f"en{name}.txt").write_text("\n".join(part) + "\n", encoding="utf-8")
        (folder / f"toy{name}.txt").write_text("\n".join(map(toy, part)) + "\n", encoding="utf-8")
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(base=base, method=method), encoding="utf-8")
    return recipe


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, cache: Path) -> Run:
    folder = tmp_path_factory.mktemp("translate")
    options = Options(cache=cache, offline=True, device="cpu", threads=1)
    return run_recipe(prepared(folder, tiny_encoder), folder / "out", options=options)


def test_the_record_tells_scores_floors_and_parts(finished: Run) -> None:
    record = finished.record
    assert record.status == "done" and record.primary_metric == "chrF++" == record.scores[0].name
    names = {score.name for score in record.scores}
    assert {"chrF++", "BLEU", "TER"} <= names
    assert {score.language for score in record.scores} == {None, "eng-Latn→qaa-Latn", "qaa-Latn→eng-Latn"}
    assert all("nrefs:1" in score.signature and "bootstrap:100" in score.signature for score in record.scores)
    assert [baseline.name for baseline in record.baselines if not baseline.ablation] == ["copy", "word dictionary"]
    assert record.tested == {"eng-Latn→qaa-Latn": 7, "qaa-Latn→eng-Latn": 7}
    assert record.translations and record.transfer is not None
    assert record.transfer.verdict == "hurts" and "phrase table alone" in record.transfer.why, (
        "the base itself is worse than its lexicon"
    )


def test_a_barely_trained_model_leaves_the_work_to_the_lexicon(finished: Run) -> None:
    lines = [
        json.loads(line) for line in (finished.folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert len(lines) == 14
    assert finished.predictor.facts.by_phrase_table == [("eng-Latn", "qaa-Latn"), ("qaa-Latn", "eng-Latn")]
    assert all(line["prediction"] == line["reference"] for line in lines), (
        "word for word, the toy language is learned at once"
    )
    alone = next(part for part in finished.record.baselines if part.name == "model alone")
    assert alone.scores[0].value < finished.record.scores[0].value


def test_another_process_translates_the_same_line_for_line(finished: Run, cache: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "lowres",
        "predict",
        str(finished.folder),
        "--cache",
        str(cache),
        "--offline",
        "--device",
        "cpu",
    ]
    asked = "the soup was warm and the cook was good\n\nthe river was old and the soup was good\n"
    answer = subprocess.run(
        [*command, "--from", "eng-Latn", "--to", "qaa-Latn"], input=asked, capture_output=True, text=True, check=True
    )
    assert answer.stdout == "lo mira tas keli ke lo pelo tas bono\n\nlo rivo tas vecho ke lo mira tas bono\n"
    unsaid = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
    assert unsaid.returncode == 2 and "choose one with --from and --to" in unsaid.stderr
    wrong = subprocess.run(
        [*command, "--language", "eng-Latn"], input=asked, capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2 and "source and target" in wrong.stderr


def test_the_model_alone_answers_the_same_from_disk(finished: Run) -> None:
    fresh = Run(finished.folder, options=finished.options).predictor.without_phrase_tables()
    again = Run(finished.folder, options=finished.options).predictor.without_phrase_tables()
    texts = TEXTS[:5]
    mine = [found.translation for found in fresh.predict(texts, source="eng-Latn", target="qaa-Latn")]
    assert mine == [found.translation for found in again.predict(texts, source="eng-Latn", target="qaa-Latn")]


def test_a_place_that_the_model_loses_is_told_and_the_lexicon_loses_none(finished: Run) -> None:
    texts = ["the soup was %(taste)s", "the soup was good"]
    by_model = finished.predictor.without_phrase_tables().predict(texts, source="eng-Latn", target="qaa-Latn")
    assert [found.lost for found in by_model] == [("%(taste)s",), ()]
    assert list(notices(by_model)) == ["a tag, an address or a placeholder is missing from the translation of line 1"]
    kept = finished.predict(texts, source="eng-Latn", target="qaa-Latn")
    assert kept[0].translation == "lo mira tas %(taste)s" and not list(notices(kept))


def test_the_report_shows_directions_and_translations(finished: Run) -> None:
    page = (finished.folder / "report.html").read_text(encoding="utf-8")
    for text in (
        "chrF++",
        "Direction by direction",
        "English → ",
        "Examples",
        "phrase table alone",
        "lo mira tas",
    ):
        assert text in page, text
    assert "Rows by label" not in page


def test_an_encoder_alone_cannot_translate(tmp_path: Path, tiny_encoder: Path, options: Options) -> None:
    recipe = prepared(tmp_path, tiny_encoder)
    recipe.write_text(recipe.read_text(encoding="utf-8").replace(", decoder_layers: 1", ""), encoding="utf-8")
    with pytest.raises(PlanError, match="translation needs an encoder-decoder"):
        run_recipe(recipe, tmp_path / "out", options=options)


def test_a_decoder_goes_on_encoders_only(tmp_path: Path, tiny_mt5: Path, options: Options) -> None:
    recipe = prepared(tmp_path, tiny_mt5)
    with pytest.raises(ModelError, match="is not an encoder that a decoder can be added to"):
        run_recipe(recipe, tmp_path / "out", options=options)


def test_files_that_do_not_match_are_refused_before_anything_is_loaded(
    tmp_path: Path, tiny_encoder: Path, options: Options
) -> None:
    recipe = prepared(tmp_path, tiny_encoder)
    (tmp_path / "toy.txt").write_text("lo mira\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"en.txt has 61, .*toy.txt has 1"):
        run_recipe(recipe, tmp_path / "out", options=options)
