"""No file of a run, done, cut off or failed, nor of a bundle or an export, holds the user's name, an absolute path, or a token."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from bases import write_base
from conftest import rows, write_tsv
from decoder_bases import write_decoder
from matrix import tried
from test_decoder_runs import HEAD, OFF
from test_run_folder import prepared as prepared_reviews
from test_translate_run import RECIPE as TRANSLATION
from test_translate_run import TEXTS, toy

from lowres.errors import Interrupted, LowresError
from lowres.export import export
from lowres.export.bundle import share
from lowres.export.formats import FormatName
from lowres.planning import Options
from lowres.running import run as run_recipe

USER, TOKEN, TOKEN_FILE = "siti-planted-4711", "hf_plantedtokenplantedtoken", "hf_anothertokenofafile"


def classifier(project: Path, tiny_encoder: Path) -> Path:
    """Reviews."""
    return prepared_reviews(project, tiny_encoder)


def translator(project: Path, tiny_encoder: Path) -> Path:
    """A translator with a phrase table, hints from it, and a glossary."""
    shutil.copytree(tiny_encoder, project / "tiny")
    for name, part in {"": TEXTS[:61], ".dev": TEXTS[61:65], ".test": TEXTS[65:69]}.items():
        (project / f"en{name}.txt").write_text("\n".join(part) + "\n", encoding="utf-8")
        (project / f"toy{name}.txt").write_text("\n".join(map(toy, part)) + "\n", encoding="utf-8")
    (project / "terms.tsv").write_text("source\ttarget\nsoup\tmira\n", encoding="utf-8")
    text = TRANSLATION.format(base="tiny", method="lora")
    changes = {", both: true": ", glossary: terms.tsv", "beams: 2": "beams: 1", "epochs: 3": "epochs: 1"}
    for old, new in {**changes, "batch_tokens: 512": "batch_tokens: 256"}.items():
        assert old in text, old
        text = text.replace(old, new)
    (project / "recipe.yaml").write_text(text, encoding="utf-8")
    return project / "recipe.yaml"


def pre_trained(project: Path, tiny_encoder: Path) -> Path:
    """An encoder that is trained further on plain text."""
    recipe = prepared_reviews(project, write_base("xlm-roberta", project / "xlm-roberta"))
    for split in ("train", "dev", "test"):
        texts = [text for text, _ in rows(*{"train": (0, 24), "dev": (24, 28), "test": (28, 32)}[split])]
        (project / f"{split}.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    text = recipe.read_text(encoding="utf-8").replace("ensemble: {ngrams: off}\n", "").replace(".tsv", ".txt")
    text = text.replace("kind: classification", "kind: pre-training, scored_words: 20")
    recipe.write_text(text, encoding="utf-8")
    return recipe


def decoder(project: Path, tiny_encoder: Path) -> Path:
    """A decoder that answers prompts."""
    write_decoder("smollm2", project / "tiny")
    for split, (start, stop) in {"train": (0, 12), "dev": (12, 14), "test": (14, 16)}.items():
        write_tsv(project / f"{split}.tsv", [(text, f"it is {text.split()[-3:]}") for text, _ in rows(start, stop)])
    files = "{train: train.tsv, dev: dev.tsv, test: test.tsv}\n  columns: {text: text, answer: label}"
    task = "{kind: generation, language: eng-Latn}"
    text = HEAD.format(task=task, files=files, more="", base="tiny", vocabulary=OFF, bits="")
    (project / "recipe.yaml").write_text(text.replace("batch_tokens: 2048", "batch_tokens: 512"), encoding="utf-8")
    return project / "recipe.yaml"


@dataclass(frozen=True)
class Case:
    """How a run is prepared, the formats that it can be exported to, a file of its data, and files that its model must have."""

    prepare: Callable[[Path, Path], Path]
    formats: tuple[FormatName, ...]
    data: str
    model: tuple[str, ...] = ()


CASES = {
    "classification": Case(classifier, ("merged", "onnx"), "test.tsv"),
    "translation": Case(
        translator, ("merged", "ctranslate2"), "en.test.txt", ("phrase-tables.json.xz", "glossary.tsv")
    ),
    "pre-training": Case(pre_trained, (), "test.txt", ("../merged/config.json",)),
    "a decoder": Case(decoder, ("ctranslate2", "gguf"), "test.tsv"),
}


def leaks(folder: Path) -> list[str]:
    """The files below a folder that hold a secret in their bytes or in their names."""
    secrets = [secret.encode() for secret in (USER, TOKEN, TOKEN_FILE, str(folder.parent))]
    return [
        f"{path.relative_to(folder)}: {secret.decode()}"
        for path in sorted(folder.rglob("*")) if path.is_file()
        for secret in secrets if secret in path.read_bytes() or secret.decode() in str(path.relative_to(folder))
    ]  # fmt: skip


@pytest.mark.usefixtures("eager", "one_process")
@pytest.mark.parametrize("kind", CASES)
def test_nothing_of_the_user_or_the_machine_is_in_a_run(
    kind: str, tmp_path: Path, tiny_encoder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, case = tmp_path / USER, CASES[kind]
    (home / "project").mkdir(parents=True)
    recipe = case.prepare(home / "project", tiny_encoder).resolve()
    (home / ".cache" / "huggingface").mkdir(parents=True)
    (home / ".cache" / "huggingface" / "token").write_text(TOKEN_FILE, encoding="utf-8")
    given = {"HOME": str(home), "USER": USER, "LOGNAME": USER, "HF_TOKEN": TOKEN, "LOWRES_SECRET": TOKEN}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    (home / "elsewhere").mkdir()
    monkeypatch.chdir(home / "elsewhere")
    options = Options(cache=cache, offline=True, device="cpu", threads=1)

    def stop(event: object) -> None:
        if getattr(event, "update", 0) == 2:
            raise KeyboardInterrupt

    with tried(f"planted secrets: {kind}", "in no file of the run"):
        with pytest.raises(Interrupted):
            run_recipe(recipe, home / "out", options=options, notify=stop)
        assert (home / "out" / "checkpoints").exists() and not leaks(home / "out")
    with tried(f"planted secrets: {kind}", "in no file of the run"):
        done = run_recipe(recipe, home / "out", options=options)
        assert all((home / "out" / "model" / name).exists() for name in case.model)
        assert done.record.status == "done" and not leaks(home / "out")
    with tried(f"planted secrets: {kind}", "in no bundle"):
        monkeypatch.chdir(home / "project")
        share(done, home / "bundle", agreed="us, for this test")
        assert not leaks(home / "bundle")
    for to in case.formats:
        with tried(f"planted secrets: {kind}", "in no export"):
            folder, _ = export(done, to, 32, home / to)
            assert not leaks(folder)
    with tried(f"planted secrets: {kind}", "in no file of the run"):
        (home / "project" / case.data).write_bytes(b"\xff\xfe\x00")
        with pytest.raises(LowresError):
            run_recipe(recipe, home / "failed", options=options)
        assert (home / "failed" / "record.json").exists() and not leaks(home / "failed")
