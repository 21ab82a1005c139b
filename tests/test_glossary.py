"""Terms of a glossary: read with every fault and its line, required of the phrase table, counted, kept with the run."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from test_translate_run import prepared

from lowres.data.corpus import GlossaryEntry
from lowres.data.glossary import glossary_text, read_glossary, saved_glossary, terms_of
from lowres.errors import DataError, PlanError
from lowres.export.bundle import share
from lowres.places import Places
from lowres.planning import Options, prepare, read_data
from lowres.planning.outside import refuse_outside
from lowres.recipe import open_recipe, parse_recipe, read_lock
from lowres.recipe.task_section import Translation
from lowres.running import run as run_recipe
from lowres.runs.run import Run
from lowres.statistical.phrases import PhraseTable
from lowres.statistical.terms import Terms

ENG, HSB = "eng-Latn", "hsb-Latn"


def read(
    here: Path, content: str | bytes, task: dict[str, object] | None = None, name: str = "terms.tsv"
) -> tuple[GlossaryEntry, ...]:
    """The entries of a glossary file for English into Upper Sorbian, or another task."""
    (here / name).write_bytes(content.encode() if isinstance(content, str) else content)
    asked = Translation(**{"kind": "translation", "source": ENG, "target": HSB, "glossary": name, **(task or {})})
    found = read_glossary(asked, (ENG, "ces-Latn", HSB), Places(here, here))
    assert found and found.file.kept == len(found.entries)
    return found.entries


def faults(here: Path, content: str | bytes, task: dict[str, object] | None = None) -> list[str]:
    with pytest.raises(DataError) as error:
        read(here, content, task)
    return [f"{problem.where} {problem.what}" for problem in error.value.problems]


def test_a_table_of_terms_with_or_without_languages(here: Path) -> None:
    plain = read(here, "\ufeffsource\ttarget\nserver\tserwer\n\nfile  name\tdatajowe mjeno\n")
    assert plain == (
        GlossaryEntry(ENG, HSB, "server", "serwer"),
        GlossaryEntry(ENG, HSB, "file name", "datajowe mjeno"),
    )
    both = read(
        here, 'source,target,source_language\nserver,"serwer",eng-Latn\nserver,serwer,ces-Latn\n',
        {"source": (ENG, "ces-Latn")}, "terms.csv",
    )  # fmt: skip
    assert [entry.source_language for entry in both] == [ENG, "ces-Latn"]
    (here / "saved.tsv").write_text(glossary_text(both), encoding="utf-8")
    assert saved_glossary(here / "saved.tsv") == both and saved_glossary(here / "none.tsv") == ()


def test_every_fault_is_told_with_its_line(here: Path) -> None:
    assert faults(here, "term\ttarget\nserver\tserwer\n") == ["terms.tsv:1 there is no column “source”"]
    assert faults(here, "source\ttarget\n") == ["terms.tsv has no terms"]
    content = "source\ttarget\nserver\tserwer\nfile\t\nServer\tserwer\nserver\tposłužowak\n…\tx\n"
    assert faults(here, content) == [
        "terms.tsv:3 the target is empty",
        "terms.tsv:6 the source “…” holds no word",
        "terms.tsv:4 “Server” stands in terms.tsv:2 already",
        "terms.tsv:5 “server” is “serwer” in terms.tsv:2, and “posłužowak” here",
    ]
    several = {"source": (ENG, "ces-Latn")}
    assert faults(here, "source\ttarget\nserver\tserwer\n", several) == [
        "terms.tsv:1 there is no column “source_language”, and this recipe translates from 2 languages"
    ]
    wrong = "source\ttarget\tsource_language\nserver\tserwer\tdeu-Latn\nfile\tdataja\t\n"
    assert faults(here, wrong, several) == [
        "terms.tsv:2 is deu-Latn→hsb-Latn, which this recipe does not translate",
        "terms.tsv:3 is ?→hsb-Latn, which this recipe does not translate",
    ]
    assert faults(here, b"source\ttarget\nkaf\xe9\tkofej\n")[0].startswith("terms.tsv:2 is not UTF-8")
    with pytest.raises(DataError, match=r"there is no file “none\.tsv”"):
        read_glossary(
            Translation(kind="translation", source=ENG, target=HSB, glossary="none.tsv"), (), Places(here, here)
        )


def test_the_reverse_direction_takes_what_has_one_meaning() -> None:
    entries = [
        GlossaryEntry(ENG, HSB, *two) for two in (("file", "dataja"), ("record", "dataja"), ("server", "serwer"))
    ]
    assert terms_of(entries, (ENG, HSB)) == {"file": "dataja", "record": "dataja", "server": "serwer"}
    assert terms_of(entries, (HSB, ENG)) == {"serwer": "server"}
    assert terms_of([*entries, GlossaryEntry(HSB, ENG, "serwer", "host")], (HSB, ENG)) == {"serwer": "host"}


def test_terms_are_found_as_words_in_a_row() -> None:
    terms = Terms({"file name": "mjeno", "file": "dataja", "May": "meja", "e-mail": "e-mejl"})

    def found(text: str) -> list[str]:
        return [term.translation for term in terms.found_in(text.split())]

    assert found("the file name of a file") == ["mjeno", "dataja"], "the longest where several begin"
    assert found("files filename File") == [], "other words, and a capital inside a sentence"
    assert found("File . File name") == ["Dataja", "Mjeno"], "a capital at the beginning of a sentence"
    assert found("in May you may") == ["meja"], "a term with a capital is not the word without"
    assert terms.kept("the file and the file", "Dataja a dataja") == (2, 2)
    assert terms.kept("the file and the file", "ta dataja") == (1, 2), "each counts once"
    assert terms.kept("my e-mail", "mój e-mejl.") == (1, 1) and terms.kept("my e-mail", "mój e-mejlik") == (0, 1)


PAIRS = [
    ("the server is old", "tón serwer je stary"),
    ("the file is new", "ta dataja je nowa"),
    ("the server is new", "tón serwer je nowy"),
] * 5


def test_what_a_glossary_requires_wins_over_what_was_learned() -> None:
    learned = PhraseTable.learn(PAIRS)
    assert learned.translate("the server is old") == "tón serwer je stary"
    told = replace(learned, terms=Terms({"server": "posłužowak", "log file": "protokol (log)", "URL": "URL-adresa"}))
    assert told.translate("The server is old.") == "Tón posłužowak je stary."
    assert told.translate("Server: old") == "Posłužowak: stary"
    assert "protokol (log), je" in told.translate("the log file, is new")
    assert "<b>URL-adresa</b>" in told.translate("the <b>URL</b> is new"), "as it is written, whatever stands around"
    assert told.translate("the server is old", leave=0).count("posłužowak") == 1, (
        "hints of training pairs have the term as well"
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, cache: Path) -> Run:
    folder = tmp_path_factory.mktemp("glossary")
    recipe = prepared(folder, tiny_encoder)
    text = (
        recipe.read_text(encoding="utf-8")
        .replace("both: true", "both: true, glossary: terms.tsv")
        .replace("epochs: 3", "epochs: 1")
    )
    recipe.write_text(text, encoding="utf-8")
    (folder / "terms.tsv").write_text(
        "source\ttarget\tnote\nriver\tfluvio\t\nvillage\tdorpa\tas learned\n", encoding="utf-8"
    )
    options = Options(cache=cache, offline=True, device="cpu", threads=1)
    return run_recipe(recipe, folder / "out", options=options)


def test_a_run_keeps_to_its_glossary_and_counts_how_often(finished: Run) -> None:
    facts = finished.record.glossary
    assert facts and set(facts.scores) == {"this run", "model alone", "phrase table alone"}
    ours = facts.scores["this run"]
    assert (
        ours.value == facts.scores["phrase table alone"].value == 100
        and ours.low < 100
        and "term accuracy" in ours.signature
    )
    test = [
        json.loads(line) for line in (finished.folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    sources = [line["source"].split() for line in test if line["source_language"] == ENG]
    back = [line["source"].split() for line in test if line["source_language"] != ENG]
    count = sum(words.count("river") + words.count("village") for words in sources)
    assert facts.terms == count + sum(words.count("fluvio") + words.count("dorpa") for words in back) > 0
    page = (finished.folder / "report.html").read_text(encoding="utf-8")
    assert f"{facts.terms} terms of the glossary in the test texts are translated as required by this run 100.0" in page
    assert any(
        "columns of the glossary without a use: note" in finding.what for finding in finished.record.data.findings
    )


def test_the_glossary_is_hashed_in_the_lock_and_part_of_the_data(finished: Run) -> None:
    lock = read_lock(finished.folder / "recipe.lock")
    assert "terms.tsv" in dict(lock.files)
    file = open_recipe(finished.folder.parent / "recipe.yaml")
    corpus = read_data(file, finished.options)
    assert corpus.fingerprint == lock.data_fingerprint
    assert replace(corpus, glossary=corpus.glossary[:1]).fingerprint != lock.data_fingerprint


def test_a_run_away_from_its_folder_still_knows_its_terms(finished: Run, tmp_path: Path) -> None:
    shutil.copytree(finished.folder, tmp_path / "moved")
    moved = Run(tmp_path / "moved", options=finished.options)
    (found,) = moved.predict(["the river was old"], source=ENG, target="qaa-Latn")
    assert found.translation == "lo fluvio tas vecho"
    assert "fluvio" in moved.predictor.hints.hint("the river was old", ENG, "qaa-Latn")
    assert "glossary.tsv" in finished.record.model_files


def test_a_bundle_holds_the_glossary_where_its_recipe_looks_for_it(finished: Run, tmp_path: Path) -> None:
    share(finished, tmp_path / "bundle", agreed="us", near=[finished.folder.parent])
    manifest = json.loads((tmp_path / "bundle" / "bundle.json").read_text(encoding="utf-8"))["files"]
    assert {"model/glossary.tsv", "cards/terms.tsv"} <= set(manifest)
    task = open_recipe(tmp_path / "bundle" / "recipe.yaml").recipe.task
    there = tmp_path / "bundle" / "cards"
    again = read_glossary(task, (ENG, "qaa-Latn"), Places(there, there))
    first = read_glossary(task, (ENG, "qaa-Latn"), Places(finished.folder.parent, there))
    assert again and first and again.entries == first.entries
    recipe = parse_recipe(finished.record.recipe.text.replace("terms.tsv", "../terms.tsv"), "recipe.yaml")
    with pytest.raises(PlanError, match=r"task\.glossary"):
        refuse_outside(recipe, tmp_path / "bundle")


def test_a_glossary_without_any_effect_is_refused(finished: Run, tmp_path: Path) -> None:
    text = finished.record.recipe.text.replace("glossary:", "hints: off, glossary:").replace(
        "decoding:", "ensemble: {phrase_table: off}\ndecoding:"
    )
    path = finished.folder.parent / "off.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError, match=r"task\.glossary.*no effect with hints: off"):
        prepare(open_recipe(path), finished.options)
