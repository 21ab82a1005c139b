"""The demo answers as the run does, keeps what speakers correct so that it can be trained on, and asks nothing of the outside."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from chromium import browser, chromium
from click.testing import CliRunner
from conftest import rows, write_tsv
from test_translate_run import TEXTS, WORDS

from lowres.cli import lowres as command
from lowres.data.formats.readers import read_file
from lowres.demo.answer_html import answer_html
from lowres.demo.answers import Answer, Suggestion, answer, labels_of, languages_of
from lowres.demo.corrections import CONSENT, TABLE, Agreement, Corrections
from lowres.demo.corrections_card import data_lines
from lowres.errors import DataError, ModelError
from lowres.evaluation.estimator import Estimate
from lowres.models.modules import head_in
from lowres.models.quantization import PRECISIONS
from lowres.planning import Options
from lowres.running import run as run_recipe
from lowres.runs.run import Run
from lowres.tasks.translation.search import longest_translation

DATA = (
    "data: {files: {train: train.tsv, dev: dev.tsv, test: test.tsv}, licence: CC0-1.0, source: written for this test}\n"
)
TRANSLATION = (
    """\
lowres: 2
name: Into a toy language
task: {{kind: translation, source: eng-Latn, target: qaa-Arab}}
"""
    + DATA.replace("{", "{{").replace("}", "}}")
    + """\
base: {{name: "{base}", decoder_layers: 1}}
vocabulary: {{extend: off, trim: used}}
training: {{epochs: 1, learning_rate: 0.003, batch_tokens: 512, max_length: 60}}
decoding: {{beams: 3}}
evaluation: {{resamples: 100}}
"""
)
CLASSIFICATION = (
    """\
lowres: 2
name: Good or bad
task: {{kind: classification, language: eng-Latn}}
"""
    + DATA.replace("{", "{{").replace("}", "}}")
    + """\
base: {{name: "{base}"}}
training: {{epochs: 1, max_length: 64}}
evaluation: {{resamples: 100}}
"""
)
LETTERS = str.maketrans("abcdeghiklmnoprstuvw", "ابجدعغهيكلمنوپرستثوش")
ENGLISH, DIRECTION = "the river was old and the soup was good", ("eng-Latn", "qaa-Arab")
MARIA = Agreement("Maria", "CC-BY-4.0", agreed=True)


def arabic(text: str) -> str:
    """The toy language in Arabic letters."""
    return " ".join(WORDS[word].translate(LETTERS) for word in text.split())


def translation_recipe(folder: Path, base: Path) -> Path:
    """A recipe that translates into the toy language, with its data."""
    for split, part in {"train": TEXTS[:61], "dev": TEXTS[61:68], "test": TEXTS[68:]}.items():
        lines = ["source\ttarget", *(f"{text}\t{arabic(text)}" for text in part)]
        (folder / f"{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "recipe.yaml").write_text(TRANSLATION.format(base=base), encoding="utf-8")
    return folder / "recipe.yaml"


def classification_recipe(folder: Path, base: Path) -> Path:
    """A recipe that tells good from bad, with its data."""
    for split, (start, stop) in {"train": (0, 24), "dev": (24, 32), "test": (32, 44)}.items():
        write_tsv(folder / f"{split}.tsv", rows(start, stop))
    (folder / "recipe.yaml").write_text(CLASSIFICATION.format(base=base), encoding="utf-8")
    return folder / "recipe.yaml"


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, cache: Path) -> Run:
    recipe = translation_recipe(tmp_path_factory.mktemp("demo-translation"), tiny_encoder)
    return run_recipe(recipe, recipe.with_name("out"), options=Options(cache, offline=True, device="cpu", threads=1))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, cache: Path) -> Run:
    recipe = classification_recipe(tmp_path_factory.mktemp("demo-classification"), tiny_encoder)
    return run_recipe(recipe, recipe.with_name("out"), options=Options(cache, offline=True, device="cpu", threads=1))


def test_texts_are_shown_in_their_direction_and_never_as_markup() -> None:
    shown = answer_html(
        Answer("x", DIRECTION, (Suggestion("<b>میرا</b>\u202e", ("phrase table",)),), ("missing: <br>",))
    )
    assert (
        '<div class="answer" dir="rtl"><p class="words" lang="qaa-Arab" dir="rtl">&lt;b&gt;میرا&lt;/b&gt;⟨U+202E⟩</p>'
        in shown
    )
    assert "missing: &lt;br&gt;" in shown and "%" not in shown
    sure = Suggestion("Ọ̀rọ̀ ẹ̀dùn", ("model",), estimate=Estimate(41.6, 30.2, 58))
    tones = answer_html(Answer("x", ("eng-Latn", "yor-Latn"), (sure,)))
    assert 'lang="yo-Latn" dir="ltr">Ọ̀rọ̀ ẹ̀dùn<' in tones
    assert "model, chrF++ about 42, from 30 to 58" in tones and "for about 80 of 100 sentences" in tones
    label = answer_html(Answer("x", ("eng-Latn",), (Suggestion("خۆش", ("model",), 0.5),)))
    assert '<div class="answer" dir="ltr"><p class="words" lang="und" dir="auto">خۆش<' in label


@pytest.mark.parametrize(
    "text", ['say "hello"\tnow', "two\nlines", '"quoted"', "n’áná t͡ʃ ọ̀rọ̀", "می\u200cخواهم", "=1+1", "#, a|b"]
)
def test_what_is_written_down_is_read_again_letter_for_letter(tmp_path: Path, text: str) -> None:
    kept = Corrections(tmp_path / "new", "Toy", "translation")
    assert kept.add(DIRECTION, text, f"{text} 2", "said", MARIA) == 1
    assert kept.add(DIRECTION, text, f"{text} 2", "said", MARIA) == 1, "the same correction is kept once"
    (row,) = kept.rows()
    assert (row["source"], row["target"], row["answer"], row["by"]) == (text, f"{text} 2", "said", "Maria")
    assert row["consent"] == CONSENT["CC-BY-4.0"] and "under CC-BY-4.0" in row["consent"]
    (record,) = read_file(kept.folder / TABLE, TABLE, "yes").records
    assert (record.fields["source"], record.fields["target"]) == (text, f"{text} 2")


def test_a_table_that_somebody_has_edited_keeps_its_bytes(tmp_path: Path) -> None:
    kept = Corrections(tmp_path, "Toy", "translation")
    kept.add(DIRECTION, "soup", "میرا", "", MARIA)
    edited = "\ufeff" + (tmp_path / TABLE).read_text(encoding="utf-8").replace("soup", '"warm soup"').rstrip("\n")
    (tmp_path / TABLE).write_bytes(edited.replace("\n", "\r\n").encode())
    before = (tmp_path / TABLE).read_bytes()
    assert kept.add(DIRECTION, "room", "بادو", "", MARIA) == 2
    assert (tmp_path / TABLE).read_bytes().startswith(before + b"\n")
    assert [row["source"] for row in kept.rows()] == ["warm soup", "room"]
    (tmp_path / TABLE).write_bytes(before.decode("utf-8-sig").encode("utf-16"))
    with pytest.raises(DataError, match="UTF-16"):
        kept.add(DIRECTION, "cook", "پلو", "", MARIA)


def test_nothing_is_kept_without_a_name_a_text_and_consent(tmp_path: Path) -> None:
    kept = Corrections(tmp_path / "new", "Toy", "classification")
    with pytest.raises(DataError) as caught:
        kept.add(("eng-Latn",), "a text", " ", "", Agreement("x" * 100, "mine", agreed=False))
    assert [problem.where for problem in caught.value.problems] == ["correction", "name", "licence", "consent"]
    with pytest.raises(DataError, match="text  holds the control character U\\+0000"):
        kept.add(("eng-Latn",), "a\0text", "good", "", MARIA)
    assert not kept.folder.exists()
    Corrections(tmp_path, "Toy", "translation").add(DIRECTION, "a", "b", "", MARIA)
    with pytest.raises(DataError, match=r"corrections\.tsv:1  has other columns .*choose another folder"):
        Corrections(tmp_path, "Toy", "classification").add(("eng-Latn",), "a text", "good", "", MARIA)


def test_the_card_says_who_agreed_to_what(tmp_path: Path) -> None:
    kept = Corrections(tmp_path, "Toy <i>", "translation")
    kept.add(DIRECTION, "soup", "میرا", "", MARIA)
    kept.add(DIRECTION, "room", "بادو", "", MARIA)
    kept.add(DIRECTION, "cook", "پلو", "", Agreement("[me](http://x) | <b>", "private", agreed=True))
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    today = kept.rows()[0]["date"]
    assert f"| Maria | CC-BY-4.0 | 2 | {today} | {today} |" in card
    assert r"| \[me\](http://x) \| \<b\> | private | 1 |" in card and "<i>" not in card.split("---")[2].replace(
        r"\<i\>", ""
    )
    assert all(f"- {licence}: “{CONSENT[licence]}”" in card for licence in ("CC-BY-4.0", "private"))
    assert "license: other" in card and "license_name: CC-BY-4.0 and private" in card and "- qaa" in card


@pytest.mark.parametrize("task", ["translation", "classification"])
def test_a_recipe_with_the_corrections_passes_check(tmp_path: Path, task: str, tiny_encoder: Path, cache: Path) -> None:
    recipe = (translation_recipe if task == "translation" else classification_recipe)(tmp_path, tiny_encoder)
    kept = Corrections(tmp_path / "of: a run", "Toy", task)  # type: ignore[arg-type]
    if task == "translation":
        kept.add(DIRECTION, 'an "old"\tvillage', "دورپا", "", MARIA)
        kept.add(DIRECTION, "a cold river", "ریوو سورو", "", replace(MARIA, licence="private"))
        kept.add(DIRECTION, "a good cook", "پلو بونو", "", MARIA)
    else:
        kept.add(("eng-Latn",), 'an "odd" place', "negative", "positive", MARIA)
        kept.add(("eng-Latn",), "a fine\nplace", "positive", "positive", replace(MARIA, licence="NOODL-1.0"))
    before, again = recipe.read_text(encoding="utf-8"), tmp_path / "again.yaml"
    lines = data_lines(before, task, kept.rows(), str(kept.folder / TABLE))
    again.write_text(before.replace(DATA, lines + "\n"), encoding="utf-8")
    facts = []
    for path in (recipe, again):
        answered = CliRunner().invoke(
            command, ["check", str(path), "--json", "--offline", "--device", "cpu", "--cache", str(cache)], catch_exceptions=False
        )  # fmt: skip
        assert answered.exit_code == 0
        facts.append(json.loads(answered.stdout))
    old, new = (found["pairs" if task == "translation" else "rows"] for found in facts)
    assert new["train"] - old["train"] == len(kept.rows()) and (new["dev"], new["test"]) == (old["dev"], old["test"])
    said = " ".join(facts[1]["licences"])
    assert "CC-BY-4.0" in said and ("private" if task == "translation" else "NOODL-1.0") in said


@contextmanager
def demo(run: Run, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`lowres demo` in a process of its own, and the address that it prints."""
    line = [sys.executable, "-m", "lowres", "demo", str(run.folder), "--offline", "--device", "cpu", "--threads", "1"]
    # A shell that starts a job in the background may leave it deaf to SIGINT; a user's shell does not.
    process = subprocess.Popen(
        [*line, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = ""
        while not (found := re.search(r"http://127\.0\.0\.1:\d+/", said)):
            line_ = process.stdout.readline()
            assert line_, said
            said += line_
        yield process, found[0]
    finally:
        process.kill()
        process.wait()


def field(label: str) -> str:
    """The field under a label, as an expression of JavaScript."""
    found = f"[...document.querySelectorAll('label')].find(one => one.innerText.startsWith('{label}'))"
    return f"{found}?.querySelector('textarea, input')"


def button(name: str) -> str:
    return f"[...document.querySelectorAll('button')].find(one => one.innerText.trim() === '{name}')"


@pytest.mark.slow
@pytest.mark.skipif(chromium() is None, reason="there is no Chromium here")
def test_a_speaker_translates_and_corrects_in_a_browser(translator: Run, tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "corrections"
    with (
        demo(translator, "--cache", str(cache), "--corrections", str(folder)) as (process, address),
        browser(tmp_path / "profile") as page,
    ):
        page.open(address, 360, 800)
        page.write(field("Text"), ENGLISH)
        page.press(button("Translate"))
        page.until("document.querySelector('#answer .answer .words')?.innerText")
        assert page.ask("document.querySelector('#answer .answer .words').innerText") == arabic(ENGLISH)
        shown = "getComputedStyle(document.querySelector('#answer .answer .words'))"
        assert page.ask(f"{shown}.direction") == "rtl"
        assert page.ask(f"parseFloat({shown}.lineHeight) / parseFloat({shown}.fontSize)") > 1.7, (
            "room for stacked marks"
        )
        right = field("The right translation")
        page.until(f"{right}.value === {json.dumps(arabic(ENGLISH))}")
        assert page.ask(f"[{right}.dir, {right}.lang]") == ["rtl", "qaa-Arab"]
        page.write(right, "ریوو وچو")
        page.press(button("Keep the correction"))
        page.until("document.querySelector('#kept .notice')?.innerText.includes('Consent is missing')")
        assert not folder.exists()
        page.write(field("Name"), "Maria")
        page.press("document.querySelector('input[type=checkbox]')")
        page.press(button("Keep the correction"))
        page.until("document.querySelector('#kept .kept')?.innerText.includes('one correction')")
        page.write(field("Text"), "the soup was good")
        page.press(button("Keep the correction"))
        page.until("document.querySelector('#kept .notice')?.innerText.includes('Text has been changed since')")
        assert page.ask("document.documentElement.scrollWidth") == 360, "nothing is wider than a phone"
        asked = {one.split("/")[2] for one in page.requests if not one.startswith(("data:", "blob:"))}
        assert asked == {address.split("/")[2]}, "the page asks only the machine that it comes from"
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "New corrections: 1; in all: 1, in" in said and f"files: {{train: {folder / TABLE}}}" in said
    (row,) = Corrections(folder, "", "translation").rows()
    assert (row["source"], row["target"], row["answer"]) == (ENGLISH, "ریوو وچو", arabic(ENGLISH))
    assert (row["by"], row["licence"], row["consent"]) == ("Maria", "private", CONSENT["private"])


OUTSIDE: list[str] = []


def _note_outside(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook: every address that Python connects to or looks up, but for this machine's."""
    if event in ("socket.connect", "socket.getaddrinfo"):
        host = arguments[1][0] if event == "socket.connect" and isinstance(arguments[1], tuple) else arguments[0]
        if isinstance(host, str) and host not in ("127.0.0.1", "127.0.0.2", "0.0.0.0", "localhost", "::1"):
            OUTSIDE.append(host)


@pytest.mark.parametrize("on_network", [False, True])
def test_the_server_asks_nothing_and_is_open_to_others_only_when_told(
    classifier: Run, tmp_path: Path, on_network: bool
) -> None:
    from lowres.demo.demo_page import demo_page, serve

    sys.addaudithook(_note_outside)
    OUTSIDE.clear()
    page = demo_page(classifier, Corrections(tmp_path / "new", "Toy", "classification"))
    try:
        serve(page, None, on_network=on_network)
        with socket.create_connection(("127.0.0.1", page.server_port), 10):
            pass
        try:  # another address of the machine: a server for this machine alone does not listen there
            socket.create_connection(("127.0.0.2", page.server_port), 2).close()
            open_to_others = True
        except OSError:
            open_to_others = False
    finally:
        page.close(verbose=False)
    assert open_to_others is on_network
    assert not OUTSIDE and page.analytics_enabled is False


def test_without_gradio_the_command_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ModelError, match=r'pip install "lowres\[demo\]"'):
        CliRunner().invoke(command, ["demo", "runs/any"], catch_exceptions=False)


def test_labels_come_with_their_probabilities(classifier: Run) -> None:
    text = "the soup was warm and good"
    found = answer(classifier, text, ("eng-Latn",))
    (predicted,) = classifier.predict(text)
    assert found.suggestions[0].text == predicted.label
    assert {one.text: one.probability for one in found.suggestions} == pytest.approx(predicted.probabilities)
    assert set(labels_of(classifier)) == {"positive", "negative"}
    cut = answer(classifier, f"{text} " * 60, ("eng-Latn",))
    assert "longer than the model reads" in cut.notices[0]


def test_the_best_hypothesis_is_the_translation_and_its_probability_is_the_models_own(translator: Run) -> None:
    for model in (translator.predictor, translator.predictor.greedy()):
        found = model.hypotheses(ENGLISH, DIRECTION)
        assert found[0].text == model.without_phrase_tables().translate([ENGLISH], [DIRECTION])[0].translation
        assert len(found) == model.facts.decoding.beams
        shares = [one.probability for one in found]
        assert shares == sorted(shares, reverse=True) and 0 < shares[-1] <= shares[0] < 1
    inputs = model.inputs
    source, prefix = model.source_ids(ENGLISH, *DIRECTION), inputs.decoder_prefix("qaa-Arab")
    precision = PRECISIONS[model.accelerator.mixed_precision]
    with head_in(model.model, precision), torch.no_grad(), model.accelerator.autocast():
        written = model.model.generate(
            input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([prefix]), num_beams=1,
            no_repeat_ngram_size=model.facts.decoding.no_repeat_ngram_size,
            max_new_tokens=longest_translation(len(source), len(prefix), inputs, model.facts.decoding),
            eos_token_id=inputs.end, pad_token_id=inputs.pad, suppress_tokens=list(inputs.suppressed),
        )  # fmt: skip
        logits = model.model(input_ids=torch.tensor([source]), decoder_input_ids=written).logits.float()
    tokens = written[0, len(prefix) :]
    logs = torch.log_softmax(logits[0, len(prefix) - 1 : -1], -1)[range(len(tokens)), tokens]
    assert inputs.text(tokens.tolist()) == found[0].text
    assert float(logs.mean().exp()) == pytest.approx(found[0].probability, abs=0.02)


def test_a_translation_stands_beside_what_the_other_system_says(translator: Run) -> None:
    assert languages_of(translator) == [DIRECTION] and labels_of(translator) == ()
    found = answer(translator, f" {ENGLISH}", DIRECTION)
    assert found.suggestions[0].text == translator.predict(ENGLISH, source="eng-Latn", target="qaa-Arab")[0].translation
    assert found.suggestions[0].text == arabic(ENGLISH) and found.suggestions[0].systems[0] == "phrase table"
    model = [one for one in found.suggestions if "model" in one.systems]
    assert model and not any(one.estimate for one in found.suggestions), "few dev sentences teach no estimate"
    assert len({one.text for one in found.suggestions}) == len(found.suggestions) > 1
    assert not answer(translator, " ", DIRECTION).suggestions
    long = ". ".join([ENGLISH] * 12)
    (whole,) = answer(translator, long, DIRECTION).suggestions
    assert whole.text == translator.predict(long, source="eng-Latn", target="qaa-Arab")[0].translation
    with pytest.raises(ModelError, match="one of eng-Latn→qaa-Arab"):
        answer(translator, ENGLISH, ("eng-Latn", "min-Latn"))
