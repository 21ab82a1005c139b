"""Recipes with a decoder from their files to saved models: each task, beside the untuned base; and what is refused."""

from pathlib import Path

import pytest
from conftest import rows, write_tsv
from decoder_bases import write_decoder

from lowres.cli.check_facts import check_facts
from lowres.ensemble import load
from lowres.errors import LowresError
from lowres.export import export_merged
from lowres.planning import Options, examine
from lowres.running import run as run_recipe
from lowres.runs.run import Run

HEAD = """\
lowres: 2
name: Small decoder
task: {task}
data:
  files: {files}
  licence: CC0-1.0
  source: written for this test
{more}base: {{name: "{base}"{bits}}}
vocabulary: {vocabulary}
method: {{kind: lora, rank: 4}}
training: {{epochs: 1, batch_tokens: 2048, max_length: 100, learning_rate: 0.01}}
evaluation: {{few_shot: 1, resamples: 100}}
"""
TSV = "{train: train.tsv, dev: dev.tsv, test: test.tsv}"
CLASSES = "{kind: classification, language: eng-Latn"
OFF, TRIM = "{extend: off, trim: off}", "{extend: off}"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_decoder("smollm2", tmp_path_factory.mktemp("decoder-base") / "smollm2")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for split, (start, stop) in {"train": (0, 12), "dev": (12, 16), "test": (16, 20)}.items():
        write_tsv(tmp_path / f"{split}.tsv", rows(start, stop))
        texts = [(f"where is it? {text}", f"it is {text.split()[-3:]}") for text, _ in rows(start, stop)]
        lines = ["question\tanswer", *(f"{text}\t{answer}" for text, answer in texts)]
        (tmp_path / f"{split}.qa.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (tmp_path / f"{split}.txt").write_text(
            "\n".join(text for text, _ in rows(start, stop)) + "\n", encoding="utf-8"
        )
    return tmp_path


def carried_out(
    folder: Path, base: Path, options: Options, task: str, *, files: str = TSV, more: str = "", vocabulary: str = OFF, bits: str = "",
) -> Run:  # fmt: skip
    recipe = folder / "recipe.yaml"
    text = HEAD.format(task=task, files=files, more=more, base=base, vocabulary=vocabulary, bits=bits)
    recipe.write_text(text, encoding="utf-8")
    return run_recipe(recipe, folder / "out", options=options)


def test_sentiment_by_label_words_with_a_trimmed_vocabulary(data: Path, base: Path, options: Options) -> None:
    run = carried_out(data, base, options, CLASSES + ", by: label-words}", vocabulary=TRIM)
    names = [baseline.name for baseline in run.record.baselines]
    assert names[0] == "decoder alone" and "untuned base, few-shot" in names
    assert run.record.vocabulary and run.record.vocabulary.tokens < (run.record.vocabulary.tokens_before or 0)
    (found,) = load(run.folder, options=options).predict("the soup was warm and good")
    assert set(found.probabilities) == {"positive", "negative"} and abs(sum(found.probabilities.values()) - 1) < 1e-5


def test_sentiment_with_a_head_on_the_last_token(data: Path, base: Path, options: Options) -> None:
    run = carried_out(data, base, options, CLASSES + ", by: head}")
    assert {"encoder alone"}.isdisjoint(baseline.name for baseline in run.record.baselines)
    (found,) = load(run.folder, options=options).predict("the soup was warm and good")
    assert found.label in ("positive", "negative")
    merged = export_merged(run)
    assert "AutoModel.from" in (merged / "README.md").read_text(encoding="utf-8")


def test_pretraining_in_four_bits_becomes_a_base_and_tells_what_it_forgot(
    data: Path, base: Path, options: Options
) -> None:
    (data / "known.txt").write_text("the cat sat on the mat\nit rained all day long\n", encoding="utf-8")
    files = "{train: train.txt, dev: dev.txt, test: test.txt}"
    run = carried_out(
        data, base, options, "{kind: pre-training, language: eng-Latn}", files=files, bits=", quantize: 4bit",
        vocabulary="{extend: off, trim: off, protect: [known.txt]}",
    )  # fmt: skip
    record = run.record
    assert record.scores[0].name == "bits per character" and "chain rule" in record.scores[0].signature
    assert {"untouched base", "character 5-grams"} <= {baseline.name for baseline in record.baselines}
    assert record.scores[0].value < next(b for b in record.baselines if b.name == "untouched base").scores[0].value
    assert record.retention and record.retention.texts == 2 and record.retention.before != record.retention.after
    assert (run.folder / "merged" / "config.json").exists(), (
        "the merged weights predict as the adapted ones over 4 bits"
    )
    (found,) = load(run.folder, options=options).predict("the soup")
    assert found.filled.startswith("the soup")


@pytest.mark.parametrize(
    ("shape", "named", "beams", "said"),
    [
        ("decoder", "", 1, "greedy (decoding.beams: 1)"),
        ("decoder", "decoding: {beams: 3}\n", 3, "3 beams"),
        ("decoder", "decoding: {length_penalty: 1.5}\n", 1, "greedy (decoding.beams: 1)"),
        ("encoder-decoder", "", 4, "4 beams"),
    ],
)
def test_a_decoder_searches_greedily_unless_the_recipe_says_otherwise(
    shape: str, named: str, beams: int, said: str, base: Path, tiny_mt5: Path, tmp_path: Path, options: Options
) -> None:
    lines = "\n".join(f"{place}\t{place} there" for place, _ in rows(0, 40))
    (tmp_path / "train.tsv").write_text(f"source\ttarget\n{lines}\n", encoding="utf-8")
    recipe = tmp_path / "recipe.yaml"
    chosen = base if shape == "decoder" else tiny_mt5
    task = "{kind: translation, source: eng-Latn, target: ind-Latn}"
    text = HEAD.format(task=task, files="{train: train.tsv}", more="", base=chosen, vocabulary=OFF, bits="") + named
    recipe.write_text(text, encoding="utf-8")
    found = examine(recipe, options)
    assert found.plan.recipe.decoding.beams == beams
    assert check_facts(found)["search"] == said


@pytest.mark.parametrize("answers", [True, False])
def test_generation_answers_prompts_or_continues_texts(answers: bool, data: Path, base: Path, options: Options) -> None:
    end = "qa.tsv" if answers else "txt"
    files = f"{{train: train.{end}, dev: dev.{end}, test: test.{end}}}"
    more = "  columns: {text: question, answer: answer}\n" if answers else ""
    run = carried_out(data, base, options, "{kind: generation, language: eng-Latn}", files=files, more=more)
    assert [score.name for score in run.record.scores] == ["chrF++", "ROUGE-L"]
    expected = ["nearest training answer", "untuned base, few-shot"] if answers else ["untuned base"]
    assert [baseline.name for baseline in run.record.baselines] == expected
    (found,) = load(run.folder, options=options).predict("where is it? the soup")
    assert isinstance(found.answer, str)
    assert run.predictor.facts.decoding.beams == 1


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("{kind: pre-training, language: eng-Latn, masked: 0.3}", "masked: has no effect with a decoder"),
        (
            "{kind: translation, source: eng-Latn, target: ind-Latn, denoise: 0.2}",
            "denoise: has no effect with a decoder",
        ),
        (CLASSES + ", by: head, label_words: {positive: good}}", "label_words: has no effect with by: head"),
        (CLASSES + ", balanced: true}", "balanced: has no effect on label words"),
    ],
)
def test_keys_that_a_decoder_cannot_follow_are_refused(
    task: str, said: str, data: Path, base: Path, options: Options
) -> None:
    with pytest.raises(LowresError, match=said):
        carried_out(data, base, options, task)


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (CLASSES + ", by: label-words}", "is for decoders"),
        ("{kind: generation, language: eng-Latn}", "generation needs a decoder"),
    ],
)
def test_what_only_decoders_can_do_is_refused_over_an_encoder(
    task: str, said: str, data: Path, tiny_encoder: Path, options: Options
) -> None:
    with pytest.raises(LowresError, match=said):
        carried_out(data, tiny_encoder, options, task)
