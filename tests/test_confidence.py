"""A run says how sure it is of each translation, for the system that answers; what it flags is worse than the rest."""

import json
import random
from dataclasses import replace
from pathlib import Path

import polib
import pytest
from chromium import browser, chromium
from click.testing import CliRunner
from test_demo import button, demo, field
from test_translate_run import RECIPE, STATES, SUBJECTS, WORDS

from lowres.cli import lowres as command
from lowres.demo.answers import answer
from lowres.errors import ModelError
from lowres.evaluation.translation_scores import sentence_scores
from lowres.planning import Options, prepare, read_data
from lowres.recipe import open_recipe
from lowres.running import run as run_recipe
from lowres.runs.run import Run
from lowres.tasks.translation.job import complete
from lowres.tasks.translation.quality_estimation import CONFIDENCE

# Words that no training pair holds, in a part of the dev and test sentences: there the phrase table can only guess.
UNSEEN = {"cloud": "nimbo", "garden": "hortu", "teacher": "magistra", "window": "fenesta", "horse": "kavalu"}
DIRECTION = {"source": "eng-Latn", "target": "qaa-Latn"}


def texts() -> dict[str, list[str]]:
    rng = random.Random(3)
    plain = [f"the {a} was {s} and the {b} was {t}" for a in SUBJECTS for s in STATES for b in SUBJECTS for t in STATES]
    rng.shuffle(plain)
    odd = [text.replace(text.split()[1], rng.choice(list(UNSEEN)), 1) for text in plain[:60]]
    return {"": plain[200:320], ".dev": [*odd[:30], *plain[60:100]], ".test": [*odd[30:], *plain[100:140]]}


def toy(text: str) -> str:
    return " ".join((WORDS | UNSEEN)[word] for word in text.split())


def write_recipe(folder: Path, base: Path, more: str = "") -> Path:
    """The texts with their translations, and a recipe of one epoch; `more` is added to it."""
    for name, part in texts().items():
        (folder / f"en{name}.txt").write_text("\n".join(part) + "\n", encoding="utf-8")
        (folder / f"toy{name}.txt").write_text("\n".join(map(toy, part)) + "\n", encoding="utf-8")
    text = RECIPE.format(base=base, method="decoder").replace(", both: true", "").replace("epochs: 3", "epochs: 1")
    (folder / "recipe.yaml").write_text(text + more, encoding="utf-8")
    return folder / "recipe.yaml"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, cache: Path) -> Run:
    folder = tmp_path_factory.mktemp("sure")
    recipe = write_recipe(folder, tiny_encoder)
    options = Options(cache=cache, offline=True, device="cpu", threads=1)
    return run_recipe(recipe, folder / "out", options=options)


def ask(finished: Run, *words: str, said: str = "") -> str:
    options = ["--cache", str(finished.options.cache), "--offline", "--device", "cpu", "--threads", "1"]
    answer = CliRunner().invoke(command, ["predict", str(finished.folder), *options, *words], input=said)
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def test_the_record_proves_the_intervals_on_test(finished: Run) -> None:
    facts = finished.record.confidence
    assert facts and facts.fitted_on == {"phrase table": 70} and facts.sentences == 70 and facts.level == 0.8
    found = {score.name: score for score in facts.scores}
    assert found["coverage"].value >= 75 and found["coverage"].low < found["coverage"].value
    assert found["rest above flagged"].low > 5, "sentences with unknown words are the worst, and are found"
    assert not [finding for finding in finished.record.findings if "no confidence" in finding.what]
    lines = [json.loads(line) for line in (finished.folder / "predictions.jsonl").read_text().splitlines()]
    truth = sentence_scores([line["reference"] for line in lines], [line["prediction"] for line in lines])
    held = [
        low <= score <= high for score, (low, high) in zip(truth, (line["interval"] for line in lines), strict=True)
    ]
    assert 100 * sum(held) / len(held) == pytest.approx(found["coverage"].value, abs=3), "rounded to a tenth"


def test_the_page_shows_the_calibration(finished: Run) -> None:
    page = (finished.folder / "report.html").read_text(encoding="utf-8")
    for text in (
        "How sure is it?",
        "coverage",
        "70 dev sentences that the phrase table answers",
        "lowres predict --flag",
    ):
        assert text in page, text
    assert page.count('class="dot"') >= 3 and 'class="diagonal"' in page


def test_python_gives_the_confidence_of_each_answer(finished: Run) -> None:
    sure, unsure, empty = finished.predict(["the soup was warm", "the horse was warm", ""], **DIRECTION)
    assert sure.confidence and unsure.confidence and sure.confidence > unsure.confidence
    assert sure.interval and sure.interval[0] <= sure.confidence <= sure.interval[1] <= 100
    assert (empty.confidence, empty.interval) == (None, None)


@pytest.mark.slow
def test_the_demo_shows_what_predict_says(finished: Run, tmp_path: Path) -> None:
    """The number beside a translation is its confidence with its interval, in a browser too; no other translation has one."""
    sure, whole = "the soup was warm", " and ".join(["the horse was warm"] * 12)
    for text, predicted in zip((sure, whole), finished.predict([sure, whole], **DIRECTION), strict=True):
        first, *others = answer(finished, text, tuple(DIRECTION.values())).suggestions
        assert first.text == predicted.translation and first.estimate and predicted.interval
        assert list(first.estimate) == pytest.approx([predicted.confidence, *predicted.interval], abs=0.051)
        assert not any(one.estimate or one.probability for one in others)
    if chromium() is None:
        pytest.skip("there is no Chromium here")
    with demo(finished, "--cache", str(finished.options.cache)) as (_, address), browser(tmp_path / "profile") as page:
        page.open(address, 360, 800)
        page.write(field("Text"), sure)
        page.press(button("Translate"))
        page.until("document.querySelector('.answer .meta')?.innerText.includes('chrF++ about')")
        value, low, high = (
            round(one) for one in answer(finished, sure, tuple(DIRECTION.values())).suggestions[0].estimate
        )
        assert page.ask("document.querySelector('.answer .meta').innerText").endswith(
            f"chrF++ about {value}, from {low} to {high}"
        )
        assert page.ask("document.documentElement.scrollWidth") == 360, "nothing is wider than a phone"


def test_the_command_line_marks_the_lines_to_check_first(finished: Run) -> None:
    said = "the soup was warm\n\nthe horse was warm\nthe river was old\n"
    lines = ask(finished, "--flag", "30%", said=said).splitlines()
    assert [line.split("\t")[1] for line in lines] == ["", "", "check", ""]
    assert lines[0].split("\t")[0] == "lo mira tas keli" and lines[1] == "\t"
    found = [json.loads(line) for line in ask(finished, "--json", "--flag", "30%", said=said).splitlines()]
    assert [one["check"] for one in found] == [False, False, True, False]
    assert found[2]["confidence"] < found[0]["confidence"] and len(found[0]["interval"]) == 2
    assert "check" not in json.loads(ask(finished, "--json", said="the soup was warm\n"))
    wrong = CliRunner().invoke(command, ["predict", str(finished.folder), "--flag", "often"], input=said)
    assert wrong.exit_code == 2 and "say --flag 20%" in wrong.output


def test_a_catalogue_has_comments_and_a_table_of_what_to_check_first(finished: Run, tmp_path: Path) -> None:
    messages = ["the soup was warm", "the horse was warm", "the river was old", "the window was %(state)s"]
    catalogue = tmp_path / "in.po"
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    flags = ["", "#, c-format\n", "", "#, python-format\n"]
    catalogue.write_text(
        head + "\n".join(f'{flag}msgid "{text}"\nmsgstr ""\n' for flag, text in zip(flags, messages, strict=True)),
        encoding="utf-8",
    )
    out = tmp_path / "out.po"
    said = ask(finished, str(catalogue), "--out", str(out), "--flag", "50%", "--from", "eng-Latn", "--to", "qaa-Latn")
    assert "out.po.check.tsv: the 2 to check first" in said
    entries = {entry.msgid: entry for entry in polib.pofile(str(out))}
    assert all("fuzzy" in entry.flags for entry in entries.values()), "as without --flag"
    marked = {text for text, entry in entries.items() if entry.tcomment.startswith("lowres: check first")}
    assert marked == {messages[1], messages[3]}
    header, *rows = [row.split("\t") for row in (tmp_path / "out.po.check.tsv").read_text().splitlines()]
    assert header == ["place", "confidence", "low", "high", "source", "translation"]
    assert {row[4] for row in rows} == marked and float(rows[0][1]) <= float(rows[1][1])
    assert rows[0][0].startswith("in.po:") and all(row[5] == entries[row[4]].msgstr for row in rows)
    without = finished.fill(catalogue, tmp_path / "plain.po", **DIRECTION)
    assert without.flagged == 0 and not (tmp_path / "plain.po.check.tsv").exists()
    assert "lowres:" not in (tmp_path / "plain.po").read_text()


def test_the_model_has_an_estimator_of_its_own_where_it_answers(finished: Run, tmp_path: Path) -> None:
    file = open_recipe(finished.folder.parent / "recipe.yaml")
    ensemble = file.recipe.ensemble.model_copy(update={"phrase_table": "off"})
    file = file.model_copy(update={"recipe": file.recipe.model_copy(update={"ensemble": ensemble})})
    plan, corpus = prepare(file, finished.options), read_data(file, finished.options)
    alone = complete(finished.predictor.without_phrase_tables(), plan, corpus, lambda stage: None)
    assert set(alone.estimators) == {"model"} and "agreement" in alone.estimators["model"].signals
    (found,) = alone.predict(["the soup was warm"], **DIRECTION)
    assert found.confidence is not None and found.interval[0] <= found.confidence <= found.interval[1]
    long = " ".join(["the soup was warm and the room was cold"] * 12)
    (parts,) = alone.predict([long], **DIRECTION)
    assert parts.parts > 1 and parts.confidence is not None, "a text in parts has one confidence"
    few = replace(corpus, dev=corpus.dev[:60])
    assert not complete(alone, plan, few, lambda stage: None).estimators, "30 dev sentences are too few"


def test_a_run_without_estimators_says_so(finished: Run, tmp_path: Path) -> None:
    mute = Run(finished.folder, options=finished.options)
    mute.__dict__["predictor"] = replace(finished.predictor, estimators={})
    (found,) = mute.predict(["the soup was warm"], **DIRECTION)
    assert found.confidence is None
    with pytest.raises(ModelError, match="no confidence"):
        mute.predict(["the soup was warm"], **DIRECTION).flagged(0.2)
    (tmp_path / "a.txt").write_text("the soup was warm\n")
    with pytest.raises(ModelError, match="at least 50 sentences"):
        mute.fill(tmp_path / "a.txt", tmp_path / "b.txt", **DIRECTION, flag=0.2)


def test_the_estimators_are_plain_numbers_among_the_hashed_files(finished: Run) -> None:
    path = finished.folder / "model" / CONFIDENCE
    assert f"{CONFIDENCE}" in finished.record.model_files
    assert set(json.loads(path.read_text())) == {"phrase table"}
