"""A bundle holds what may be given to others and nothing else; whoever gets it can check it, and reproduce its scores."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from test_run_folder import prepared

from lowres.cards.licence_chain import LicenceChain, Link, terms_of
from lowres.cli import lowres
from lowres.errors import LowresError, ModelError
from lowres.export.bundle import share
from lowres.export.verification import opened, reproduce, verify
from lowres.models.base_licences import base_licence
from lowres.planning import Options
from lowres.running import run as run_recipe
from lowres.runs.run import Run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, cache: Path) -> Run:
    """A run in a project, beside its data and its base, which has a licence."""
    project = tmp_path_factory.mktemp("project")
    recipe = prepared(project, tiny_encoder)
    (project / "tiny" / "README.md").write_text("---\nlanguage: en\nlicense: mit\n---\n# A base\n", encoding="utf-8")
    options = Options(cache=cache, offline=True, device="cpu", threads=1)
    return run_recipe(recipe, project / "out", options=options)


@pytest.fixture(autouse=True)
def in_project(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the base is found by its name."""
    monkeypatch.chdir(finished.folder.parent)


@pytest.fixture
def bundle(finished: Run, tmp_path: Path) -> Path:
    share(finished, tmp_path / "bundle")
    return tmp_path / "bundle"


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_bundle_holds_the_model_and_no_texts(finished: Run, bundle: Path) -> None:
    found = files(bundle)
    assert {
        "README.md",
        "LICENCES.md",
        "bundle.json",
        "recipe.yaml",
        "recipe.lock",
        "record.json",
        "model/model.json",
    } <= found
    assert not found & {"predictions.jsonl", "reload.json", "report.html", "log.jsonl"}
    record = json.loads((bundle / "record.json").read_text(encoding="utf-8"))
    assert record["examples"] == [] and finished.record.examples and record["scores"]
    assert json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))["files"].keys() == found - {"bundle.json"}
    front = yaml.safe_load((bundle / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert front["language"] == ["en"] and front["pipeline_tag"] == "text-classification" and "lowres" in front["tags"]
    assert "macro-F1" in (bundle / "README.md").read_text(encoding="utf-8")
    assert "base: tiny, MIT" in (bundle / "LICENCES.md").read_text(encoding="utf-8")


def test_a_shared_model_predicts_as_the_run(finished: Run, bundle: Path) -> None:
    texts = ["the soup was warm and good", "an ugly dirty room"]
    again = Run(bundle, options=finished.options).predict(texts)
    assert [one.probabilities for one in again] == [one.probabilities for one in finished.predict(texts)]


def test_equal_runs_give_equal_archives_that_verify(finished: Run, tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        share(finished, tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with opened(tmp_path / "one.zip") as folder:
        assert verify(folder).files == len(files(folder)) - 1
    assert not folder.exists()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "model/model.json").write_text("{}"), "model/model.json  was changed: sha256"),
        (lambda folder: (folder / "recipe.lock").unlink(), "recipe.lock  is missing"),
        (lambda folder: (folder / "model/more.bin").write_text("x"), "model/more.bin  was not shared with the bundle"),
        (lambda folder: (folder / "bundle.json").unlink(), "is no bundle"),
    ],
)
def test_every_change_of_a_bundle_is_named(bundle: Path, damage: object, said: str) -> None:
    damage(bundle)  # type: ignore[operator]
    with pytest.raises(ModelError) as error:
        verify(bundle)
    assert said in str(error.value)


def test_a_recipe_that_was_exchanged_is_found_even_with_its_hash(bundle: Path) -> None:
    recipe, manifest = bundle / "recipe.yaml", bundle / "bundle.json"
    recipe.write_text(recipe.read_text(encoding="utf-8") + "# nothing\n", encoding="utf-8")
    import hashlib

    facts = json.loads(manifest.read_text(encoding="utf-8"))
    facts["files"]["recipe.yaml"] = hashlib.sha256(recipe.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(ModelError, match=r"recipe.yaml  is not the recipe that record and lock tell of"):
        verify(bundle)


def test_the_scores_are_reproduced_from_the_data(finished: Run, bundle: Path) -> None:
    found = reproduce(bundle, finished.options, finished.folder.parent)
    assert found.reproduced and len(found.scores) == len(finished.record.scores)
    other = bundle.parent / "other"
    shutil.copytree(finished.folder.parent, other, ignore=shutil.ignore_patterns("out"))
    test = other / "test.tsv"
    test.write_text("\n".join(test.read_text(encoding="utf-8").splitlines()[:-2]) + "\n", encoding="utf-8")
    with pytest.raises(LowresError, match="these are not the data of the record"):
        reproduce(bundle, finished.options, other)


def test_the_commands(finished: Run, tmp_path: Path, cache: Path) -> None:
    def said(*arguments: str) -> str:
        answer = CliRunner().invoke(lowres, arguments, catch_exceptions=False)
        assert answer.exit_code == 0, answer.output
        return answer.output

    archive, data = tmp_path / "b.zip", finished.folder.parent
    assert "model: may be used by everyone" in said("share", str(finished.folder), str(archive))
    assert "all as they were shared" in said("verify", str(archive))
    machine = ("--cache", str(cache), "--offline", "--device", "cpu", "--threads", "1")
    facts = json.loads(said("verify", str(archive), "--data", str(data), "--json", *machine))
    assert facts["reproduced"] is True and facts["scores"][0]["now"] == pytest.approx(
        facts["scores"][0]["value"], abs=0.05
    )
    with pytest.raises(ModelError, match=r"b.zip  exists already"):
        share(finished, archive)


def test_an_archive_that_leads_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("../evil.txt", "x")
    with pytest.raises(ModelError, match="leads out of the bundle"), opened(tmp_path / "b.zip"):
        pass
    assert not (tmp_path.parent / "evil.txt").exists()
    (tmp_path / "c.zip").write_bytes(b"no")
    with pytest.raises(ModelError, match="is no bundle: neither"), opened(tmp_path / "c.zip"):
        pass


def with_recipe(run: Run, folder: Path, old: str, new: str) -> Run:
    """A copy of a run whose recipe says something else."""
    shutil.copytree(run.folder, folder)
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    record["recipe"]["text"] = record["recipe"]["text"].replace(old, new)
    assert new in record["recipe"]["text"]
    (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
    (folder / "recipe.yaml").write_text(record["recipe"]["text"], encoding="utf-8")
    return Run(folder, options=run.options)


def test_private_data_need_the_agreement_of_their_owners(finished: Run, tmp_path: Path) -> None:
    run = with_recipe(finished, tmp_path / "run", "licence: CC0-1.0", "licence: private")
    with pytest.raises(ModelError, match=r"may be passed on, or changed, only if its owners agree"):
        share(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    share(run, tmp_path / "out", agreed="the village council, May 2026")
    assert "the village council, May 2026" in (tmp_path / "out" / "LICENCES.md").read_text(encoding="utf-8")


def test_a_bundle_that_names_a_persons_folder_is_refused(finished: Run, tmp_path: Path) -> None:
    run = with_recipe(finished, tmp_path / "run", "train.tsv", "/home/siti/data/train.tsv")
    with pytest.raises(ModelError, match=r"recipe.yaml  names the folder /home/siti of a person"):
        share(run, tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists() and not list(tmp_path.glob("making-*"))


CHAINS = {
    "free": ([("MIT", "yes"), ("CC-BY-4.0", "yes")], "yes", [], ["model: may be used by everyone, also to earn money"]),
    "share-alike": (
        [("CC-BY-SA-4.0", "yes"), ("mit", "yes")], "yes", [],
        ["model: may be used by everyone, also to earn money", "model: must be passed on under CC-BY-SA-4.0"],
    ),
    "non-commercial": (
        [("CC0-1.0", "yes"), ("cc-by-nc-4.0", "yes")], "no", [], ["model: may not be used to earn money, because of thing 1"],
    ),
    "community": ([("NOODL-1.0", "yes")], "ask", [], ["model: may be used to earn money only as the owners of thing 0 allow"]),
    "by its card": ([("CC-BY-4.0", "ask")], "yes", ["thing 0"], ["model: may be used by everyone, also to earn money"]),
    "contradiction": (
        [("CC-BY-SA-4.0", "yes"), ("GPL-3.0", "yes")], "yes", [],
        ["model: may be used by everyone, also to earn money",
         "model: CC-BY-SA-4.0 and GPL-3.0 each ask for themselves alone; passing it on needs the agreement of the owners"],
    ),
    "restricted uses": (
        [("CC-BY-SA-4.0", "yes"), ("gemma", "yes")], "yes", [],
        ["model: may be used by everyone, also to earn money", "model: only for uses that Gemma allows",
         "model: must be passed on under CC-BY-SA-4.0"],
    ),
    "no derivatives": (
        [("CC-BY-ND-4.0", "yes")], "yes", ["thing 0"],
        ["model: may be used by everyone, also to earn money", "model: nothing made from thing 0 may be passed on"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_what_follows_from_a_licence_chain(name: str) -> None:
    links, commercial, to_agree, result = CHAINS[name]
    chain = LicenceChain(tuple(Link("data", f"thing {n}", licence, card) for n, (licence, card) in enumerate(links)))  # type: ignore[arg-type]
    assert chain.commercial == commercial and [link.name for link in chain.to_agree] == to_agree
    assert chain.sentences()[len(links) :] == result
    assert name != "restricted uses" or chain.licence == "other"


@pytest.mark.parametrize(
    ("licence", "known", "commercial"),
    [
        ("NOODL", True, "ask"), ("nwulite obodo open data license 1.0", True, "ask"), ("Esethu License v1.0", True, "ask"),
        ("cc-by-nc-sa-4.0", True, "no"), ("Apache-2.0", True, "yes"), ("private", True, "ask"), ("our own", False, "ask"),
    ],
)  # fmt: skip
def test_licences_by_their_many_names(licence: str, known: bool, commercial: str) -> None:
    assert (terms_of(licence).known, terms_of(licence).commercial) == (known, commercial)


def test_the_licence_of_a_base(finished: Run, tmp_path: Path) -> None:
    assert base_licence("facebook/nllb-200-distilled-600M", tmp_path) == "CC-BY-NC-4.0"
    assert base_licence("google/mt5-small", tmp_path) == "Apache-2.0" and base_licence("mine", tmp_path) == ""
    assert finished.record.plan is not None and finished.record.plan.base_licence == "mit"
    assert base_licence("a run", finished.folder / "merged") == "CC0-1.0 + mit"
