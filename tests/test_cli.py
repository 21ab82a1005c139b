"""The command line as people and scripts meet it: exit codes, JSON, clean output. Every call is a process of its own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import rows, write_tsv
from matrix import tried

from lowres.cli import _show_bug
from lowres.cli.answering import lines_of
from lowres.cli.safe_text import clean, clean_json, one_line
from lowres.errors import DataError
from lowres.runs.run import read_record

RECIPE = """\
lowres: 2
name: Small reviews
task: {{kind: classification}}
data:
  files: {{train: train.tsv, dev: dev.tsv, test: test.tsv}}
  language: eng-Latn
  licence: CC0-1.0
  source: written for this test
base: {{name: "{base}"}}
training: {{epochs: {epochs}, learning_rate: 0.003, batch_tokens: 256, max_length: 64, patience: 100}}
evaluation: {{resamples: 100}}
"""
COMMAND = [sys.executable, "-m", "lowres"]
MACHINE = ["--device", "cpu", "--offline"]
# Every line that a run may print where there is no terminal. What a library says is none of them.
LINES = (
    r"",
    r"Small reviews  \(recipe\.yaml\)",
    r"(planning|reading the data|loading the base|fitting the vocabulary|training|fitting the n-gram classifier) …",
    r"(scoring the test split|baselines on the same rows|checking the saved model in a fresh process|writing the report) …",
    r"  update \d+/\d+  epoch [\d.]+  loss [\d.]+(  dev [\d.]+)?  [\d.]+ texts/s  [\d.]+ GiB  \d+ s left",
    r"  (Small reviews|encoder alone|majority class|TF-IDF \+ logistic regression) +macro-F1 +[\d.]+  95% interval \[[\d., ]+\]",
    r"  (helps|no clear difference|hurts): .+",
    r"  Its answers come from the encoder and n-grams\.",
    r"  The probabilities of its labels are off by [\d.]+ points on average .+",
    r"  to try: .+",
    r"  plan \d+ s, .+; peak memory [\d.]+ GiB",
    r"report: out/report\.html",
    r'try it: lowres predict out "…"',
)


@dataclass(frozen=True)
class Answer:
    """What a call of lowres left behind."""

    code: int
    out: str
    err: str


def lowres(*arguments: str | bytes, folder: Path, stdin: bytes = b"") -> Answer:
    """Call lowres in a folder. Output is decoded without any change to line ends."""
    done = subprocess.run([*COMMAND, *arguments], cwd=folder, input=stdin, capture_output=True, timeout=300)
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


def prepared(folder: Path, base: Path, epochs: int) -> Path:
    """A folder with three tables and recipe.yaml."""
    for split, (start, stop) in {"train": (0, 24), "dev": (24, 32), "test": (32, 44)}.items():
        write_tsv(folder / f"{split}.tsv", rows(start, stop))
    (folder / "recipe.yaml").write_text(RECIPE.format(base=base, epochs=epochs), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """Where the user of these tests works."""
    return prepared(tmp_path_factory.mktemp("desk"), tiny_encoder, epochs=3)


@pytest.fixture(scope="module")
def first_run(desk: Path) -> Answer:
    """`lowres run recipe.yaml --out out`, once."""
    return lowres("run", "recipe.yaml", "--out", "out", "--threads", "1", *MACHINE, folder=desk)


def test_a_run_says_what_it_does_and_nothing_else(first_run: Answer, desk: Path) -> None:
    assert first_run.err == ""
    assert first_run.code == 0
    strange = [line for line in first_run.out.splitlines() if not any(re.fullmatch(known, line) for known in LINES)]
    assert not strange
    assert first_run.out.endswith('try it: lowres predict out "…"\n')
    assert (desk / "out" / "report.html").exists()


def test_run_as_json_is_the_record(desk: Path) -> None:
    answer = lowres("run", "recipe.yaml", "--out", "json", "--threads", "1", "--json", *MACHINE, folder=desk)
    assert (answer.code, answer.err) == (0, "")
    assert json.loads(answer.out) == json.loads((desk / "json" / "record.json").read_text(encoding="utf-8"))
    assert json.loads(answer.out)["status"] == "done"


def test_the_users_faults_end_with_2_and_say_where(desk: Path, first_run: Answer) -> None:
    (desk / "bad.yaml").write_text("lowres: 2\nname: x\ntask: {kind: clasification}\n", encoding="utf-8")
    for arguments, said in {
        ("run", "bad.yaml"): "bad.yaml:3:14 task.kind",
        ("check", "bad.yaml"): "bad.yaml:3:14 task.kind",
        ("run", "nowhere.yaml"): "nowhere.yaml",
        ("run", "recipe.yaml", "--out", "out", *MACHINE): "already holds a run",
        ("run", "recipe.yaml", "--out", "train.tsv/out", *MACHINE): "a file stands where a folder is meant",
        ("check", "recipe.yaml", "--mirror", "nowhere"): "nowhere",
        ("check", "recipe.yaml", "--threads", "0"): "--threads",
        ("predict", "nowhere", "a text"): "is not the folder of a run",
        ("predict", "out", "a text", "--language", "deu-Latn"): "is not a language of this run",
        ("report", "nowhere"): "there is no record here",
        ("rum", "recipe.yaml"): "rum",
        ("run",): "recipe",
    }.items():
        answer = lowres(*arguments, folder=desk)
        assert answer.code == 2, arguments
        assert said in " ".join(answer.err.split()).lower(), arguments
        assert answer.out in ("", "Small reviews  (recipe.yaml)\n")
        assert "Traceback" not in answer.err


def test_an_interrupt_in_training_ends_with_130_and_is_recorded(tmp_path: Path, tiny_encoder: Path) -> None:
    folder = prepared(tmp_path, tiny_encoder, epochs=1000)
    # A shell that starts a job in the background may leave it deaf to SIGINT; a user's shell does not.
    process = subprocess.Popen(
        [*COMMAND, "run", "recipe.yaml", "--out", "out", "--threads", "1", *MACHINE], cwd=folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    log, patience = folder / "out" / "log.jsonl", time.monotonic() + 200
    while not (log.exists() and '"update": 3,' in log.read_text(encoding="utf-8")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < patience
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 130
    assert re.fullmatch(
        r"stopped after update \d+; the same command resumes it:\n  lowres run recipe.yaml .*", err.strip()
    )
    record = read_record(folder / "out" / "record.json")
    assert record.status == "interrupted"
    assert record.training is None
    assert lowres("report", "out", folder=folder).code == 0


def test_predict_answers_each_argument(desk: Path, first_run: Answer) -> None:
    texts = ["the soup was warm and good", "", "two\nlines", "\x1b[31mred\x1b[0m \x9b2J \u202eturned\u2066 \x7f\x07"]
    answer = lowres("predict", "out", *texts, *MACHINE, folder=desk)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.removesuffix("\n").split("\n")
    found = [line.split("\t") for line in lines]
    assert [text for _, _, text in found] == [
        texts[0], "", r"two\u000alines", r"\u001b[31mred\u001b[0m \u009b2J \u202eturned\u2066 \u007f\u0007",
    ]  # fmt: skip
    assert all(label in ("positive", "negative") and 0.5 <= float(share) <= 1 for label, share, _ in found)


def test_predict_reads_lines(desk: Path, first_run: Answer) -> None:
    text = "\ufeffwarm soup\r\n\r\nwith\ta tab\nnew\u2028line, \x0bvertical tab, \x1b]0;title\x07\rand return\nlast"
    expected = ["warm soup", "", "with\ta tab", "new\u2028line, \x0bvertical tab, \x1b]0;title\x07\rand return", "last"]
    shown = lowres("predict", "out", *MACHINE, folder=desk, stdin=text.encode())
    assert (shown.code, shown.err) == (0, "")
    lines = shown.out.removesuffix("\n").split("\n")
    assert [line.split("\t", 2)[2] for line in lines] == [one_line(line) for line in expected]
    assert not set(shown.out) & set("\x1b\r\x0b\x07\u2028")

    as_json = lowres("predict", "out", "--json", *MACHINE, folder=desk, stdin=text.encode())
    assert (as_json.code, as_json.err) == (0, "")
    assert not set(as_json.out) & set("\x1b\r\x0b\x07\u2028")
    answers = [json.loads(line) for line in as_json.out.removesuffix("\n").split("\n")]
    assert [answer["text"] for answer in answers] == expected
    for answer, line in zip(answers, lines, strict=True):
        assert set(answer) == {"text", "label", "probabilities", "truncated"}
        assert set(answer["probabilities"]) == {"positive", "negative"}
        assert sum(answer["probabilities"].values()) == pytest.approx(1)
        assert line.split("\t")[0] == answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get)


def test_predict_of_nothing_and_of_other_encodings(desk: Path, first_run: Answer) -> None:
    nothing = lowres("predict", "out", *MACHINE, folder=desk)
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "")
    latin = lowres("predict", "out", *MACHINE, folder=desk, stdin="fine\ncafé\n".encode("latin-1"))
    assert (latin.code, latin.out) == (2, "")
    assert latin.err == "line 2  is not UTF-8 (byte 4) (convert the text to UTF-8)\n"
    half = lowres("predict", "out", b"caf\xe9", *MACHINE, folder=desk)
    assert (half.code, half.out) == (2, "")
    assert "is not UTF-8" in half.err


def test_check_says_what_a_run_would_take(desk: Path) -> None:
    shown = lowres("check", "recipe.yaml", *MACHINE, folder=desk)
    assert (shown.code, shown.err) == (0, "")
    lines = shown.out.splitlines()
    assert lines[-1] == "ready: lowres run recipe.yaml"
    facts = {line[:21].strip(): line[21:] for line in lines[: lines.index("")]}
    assert facts["recipe"] == "Small reviews"
    assert facts["rows"] == "train 48, dev 16, test 24"
    assert facts["licence"] == "CC0-1.0"
    assert float(facts["memory at most, GiB"]) > 0

    answer = json.loads(lowres("check", "recipe.yaml", "--json", *MACHINE, folder=desk).out)
    assert answer["rows"] == {"train": 48, "dev": 16, "test": 24}
    assert answer["languages"] == ["eng-Latn"]
    (small,) = (finding for finding in answer["findings"] if finding["code"] == "small-test")
    assert f"warning [small-test]: {small['what']}" in lines and small["what"].startswith(
        "test has 24 independent texts"
    )
    assert "what a word in brackets means: lowres explain small-test" in lines
    assert os.listdir(desk).count("runs") == 0, "check leaves nothing behind"


def test_report_is_written_again_from_the_record(desk: Path, first_run: Answer) -> None:
    page = desk / "out" / "report.html"
    before = page.read_bytes()
    page.unlink()
    answer = lowres("report", "out", folder=desk)
    assert (answer.code, answer.out, answer.err) == (0, "out/report.html\n", "")
    assert page.read_bytes() == before


def test_escaped_json_means_the_same() -> None:
    text = json.dumps(
        {"\x9b": "\u202e \U000e0041 \ud800 \u200d \U0001f469\u200d\U0001f33e a\tb\nc"}, ensure_ascii=False
    )
    assert json.loads(clean_json(text)) == json.loads(text)
    assert clean_json(text).isprintable() or clean_json(text).replace("\u200d", "").isprintable()
    assert (
        clean("\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645")
        == "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    )


def test_only_a_newline_ends_a_line() -> None:
    assert lines_of(b"") == []
    assert lines_of(b"\n") == [""]
    assert lines_of(b"a\n\nb\r\n") == ["a", "", "b"]
    assert lines_of(b"a\rb\x0cc") == ["a\rb\x0cc"]
    with pytest.raises(DataError, match="line 2"):
        lines_of(b"a\n\xff\n")


def test_a_traceback_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise KeyError("a tensor called \x1b]52;c;eA==\x07 \u202e", "t͡ʃ क्\u200dष")
    except KeyError as error:
        _show_bug(KeyError, KeyError(f"{error.args[0]} {error.args[1]}"), error.__traceback__)
        _show_bug(ValueError, ValueError(*error.args[:1]), error.__traceback__)
    said = capsys.readouterr().err
    assert "Traceback" in said and "ValueError: a tensor called \\u001b]52;c;eA==\\u0007" in said
    assert not set(said) & set("\x1b\x07\u202e")


@pytest.mark.parametrize("code", ["bytes(2**62)", "__import__('torch').empty(2**60)"])
def test_too_little_memory_is_one_line(code: str) -> None:
    script = f"""
import sys
import rich_click as click
import lowres.cli
@click.command()
def big():
    {code}
lowres.cli.lowres.add_command(big)
sys.argv = ["lowres", "big"]
lowres.cli.main()
"""
    with tried("out of memory", "one line"):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
        assert done.stderr.startswith("the memory does not suffice (")


def test_whoever_stops_reading_is_no_fault() -> None:
    with subprocess.Popen([*COMMAND, "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 0)


def test_a_model_file_that_is_nested_without_end_is_one_line(desk: Path, first_run: Answer) -> None:
    """It is looked at before the model is loaded, and the record says that it was changed."""
    shutil.copytree(desk / "out", desk / "nested")
    (desk / "nested" / "model" / "model.json").write_text("[" * 100_000, encoding="utf-8")
    answer = lowres("predict", "nested", "the soup", *MACHINE, folder=desk)
    assert (answer.code, len(answer.err.splitlines())) == (2, 1), answer.err
    assert "model.json  is damaged, or was changed after the run" in answer.err
