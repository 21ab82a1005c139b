"""Recipes and models of others: looked at, asked, fetched into a folder of their own, by hash; what they may not do is refused."""

import json
import shutil
from pathlib import Path

import pytest
import rich_click as click
from click.testing import CliRunner, Result
from hub_server import HubServer
from matrix import tried
from test_publishing import at_a_terminal
from test_publishing import hub as hub
from test_run_folder import RECIPE, prepared

from lowres.cli import lowres
from lowres.errors import LowresError
from lowres.runs.run import Run
from lowres.shared.addresses import GithubAddress, HubAddress, WebAddress, meant

TEXTS = ["the soup was warm and good", "an ugly dirty room"]
SPLITS = ("train.tsv", "dev.tsv", "test.tsv")
MACHINE = ("--device", "cpu", "--threads", "1")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> dict[str, bytes]:
    """What a project shares: a recipe over a base of the hub, and its tables."""
    folder = tmp_path_factory.mktemp("project")
    prepared(folder, tiny_encoder)
    return {name: (folder / name).read_bytes() for name in SPLITS}


@pytest.fixture(scope="module")
def base_files(tiny_encoder: Path) -> dict[str, bytes]:
    """The files of a base."""
    return {path.name: path.read_bytes() for path in tiny_encoder.iterdir()}


def recipe_over(hub: HubServer, base_files: dict[str, bytes]) -> str:
    """A recipe over a base of the hub, at its commit."""
    commit = hub.put("someone/tiny", {**base_files, "README.md": b"---\nlicense: mit\n---\n"})
    return RECIPE.format(base="someone/tiny", epochs=1).replace('tiny"}', f'tiny", revision: {commit}}}')


@pytest.fixture
def shared(hub: HubServer, base_files: dict[str, bytes], repository: dict[str, bytes]) -> str:
    """The commit of siti/reviews on the hub: recipe and tables, and a file that nobody needs."""
    recipe = recipe_over(hub, base_files).encode()
    return hub.put(
        "siti/reviews", {"recipe.yaml": recipe, **repository, "run.py": b"raise SystemExit", "secret.bin": b"x"}
    )


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Path:
    """An empty current folder."""
    (tmp_path / "desk").mkdir()
    monkeypatch.chdir(tmp_path / "desk")
    monkeypatch.setenv("LOWRES_CACHE", str(cache))
    return tmp_path / "desk"


def said(*arguments: str) -> Result:
    return CliRunner().invoke(lowres, arguments, catch_exceptions=True)


def refused(*arguments: str) -> str:
    """What a command says that is refused."""
    error = said(*arguments).exception
    assert isinstance(error, LowresError), error
    return str(error)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def at_terminal(word: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """A command at a terminal, at which the user answers a question."""
    at_a_terminal(word, monkeypatch)
    lowres.main([*arguments], standalone_mode=False)


def test_a_shared_recipe_runs_in_a_folder_of_its_own(
    shared: str, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at_terminal("y", monkeypatch, "run", "siti/reviews", "--out", "out", *MACHINE)
    told = capsys.readouterr()
    (folder,) = [path for path in desk.iterdir() if path.name != "out"]
    assert folder.name == f"reviews-{shared[:8]}" and files(folder) == {"recipe.yaml", *SPLITS, "origin.json"}
    assert json.loads((folder / "origin.json").read_text())["origin"] == f"hub:siti/reviews@{shared}"
    assert Run(desk / "out").record.status == "done"
    assert f"hub:siti/reviews@{shared}" in told.out and "recipe  Small reviews: classification, method lora" in told.out
    assert "data: own files (written for this test), CC0-1.0" in told.out and "base someone/tiny at " in told.out
    assert "there is nothing of that name here, so the hub is asked" in told.err
    assert "Fetch it and run it? [y/N]" in told.err
    # as it is here, it is not fetched again, and nobody is asked
    assert "already holds a run" in refused("run", f"hub:siti/reviews@{shared}", "--out", "out", *MACHINE)
    (folder / "train.tsv").write_text("text\tlabel\n", encoding="utf-8")
    assert "train.tsv  was changed since it was fetched" in refused("run", "siti/reviews", "--out", "out", *MACHINE)


def test_nothing_is_fetched_or_run_without_the_users_word(
    hub: HubServer, shared: str, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tried("recipes from others", "not fetched without the user's word"):
        assert "say --yes" in refused("run", "siti/reviews")
        with pytest.raises(click.Abort):
            at_terminal("n", monkeypatch, "run", "siti/reviews")
    assert not list(desk.iterdir())
    assert not [path for _, path, _ in hub.asked if path.endswith(".tsv")]


def test_a_shared_recipe_is_checked_and_leaves_nothing(shared: str, desk: Path) -> None:
    answer = said("check", "hub:siti/reviews", *MACHINE)
    assert answer.exit_code == 0, answer.output
    assert f"ready: lowres run hub:siti/reviews@{shared}" in answer.output and not list(desk.iterdir())


def test_a_model_of_others_answers_after_it_was_verified(hub: HubServer, reviews: Run, desk: Path) -> None:
    shutil.copytree(reviews.folder.parent / "tiny", desk / "tiny")  # its base
    assert said("share", str(reviews.folder), "hub:siti/model", "--yes", "--public").exit_code == 0
    commit, bundle = hub.repositories["siti/model"].at("main")
    there = said("predict", "siti/model", *TEXTS, "--yes", "--json", *MACHINE)
    assert there.exit_code == 0, there.output
    answers = [json.loads(line) for line in there.stdout.splitlines()]
    assert [one["probabilities"] for one in answers] == [
        one.probabilities for one in Run(reviews.folder).predict(TEXTS)
    ]
    folder = desk / f"model-{commit[:8]}"
    assert files(folder) == {*bundle, "origin.json"} - {".gitattributes"} and "verified" in there.stderr
    assert "all as they were shared" in said("verify", str(folder)).output
    hub.put("siti/model", {**bundle, "README.md": b"# Edited on its page"})
    assert "all as they were shared" in said("verify", "hub:siti/model").output
    (folder / "model" / "model.json").write_text("{}")
    assert "was changed since it was fetched" in refused("predict", f"hub:siti/model@{commit}", "x", "--yes")
    hub.put("siti/model", {**bundle, "model/model.json": b"{}"})
    assert "model/model.json  was changed: sha256" in refused("predict", "siti/model", "x", "--yes")
    hub.put("siti/model", {name: data for name, data in bundle.items() if name != "model/model.json"})
    assert "model/model.json  is missing" in refused("predict", "siti/model", "x", "--yes")
    hub.put("siti/recipe", {"recipe.yaml": bundle["recipe.yaml"]})
    assert "holds a recipe, but no model" in refused("predict", "siti/recipe", "x", "--yes")


def test_a_bundle_without_its_data_says_what_is_needed(reviews: Run, desk: Path) -> None:
    shutil.copytree(reviews.folder.parent / "tiny", desk / "tiny")
    assert said("share", str(reviews.folder), "bundle.zip").exit_code == 0
    told = refused("run", "bundle.zip", "--yes", *MACHINE)
    (folder,) = desk.glob("bundle-*")
    assert "the recipe reads train.tsv, dev.tsv, test.tsv, which was not shared with it" in told
    assert f"put it into {folder.name}, and say the same again" in told
    assert not (folder / "model").exists()  # it is not needed to carry out the recipe
    for name in SPLITS:
        shutil.copyfile(reviews.folder.parent / name, folder / name)
    assert "already holds a run" in refused("run", "bundle.zip", "--out", str(reviews.folder), *MACHINE)
    assert said("predict", "bundle.zip", TEXTS[0], "--yes", *MACHINE).exit_code == 0


DATA = RECIPE[RECIPE.index("data:") : RECIPE.index("base:")].format()
STRANGE = {
    "data elsewhere": ("train: train.tsv", "train: ../desk/train.tsv", "lies outside the folder of this recipe"),
    "data by an absolute path": ("train: train.tsv", "train: /etc/passwd", "lies outside the folder of this recipe"),
    "a hidden file": ("train: train.tsv", "train: .netrc", "is no name of a file that a shared recipe may read"),
    "a card elsewhere": (DATA, "data: {card: ../../x}\n", "lies outside the folder of this recipe"),
    "a card that was not shared": (DATA, "data: {card: mine.md}\n", "the card mine.md, which the recipe names, was not shared"),
    "code": ("name: Small", "run: rm -rf\nname: Small", "run"),
    "a base elsewhere": ("name: \"someone/tiny\"", "name: ../models/tiny", "lies outside the folder of this recipe"),
}  # fmt: skip


@pytest.mark.parametrize("kind", STRANGE)
def test_what_a_strangers_recipe_may_not_do(
    kind: str, hub: HubServer, base_files: dict[str, bytes], repository: dict[str, bytes], desk: Path
) -> None:
    old, new, told = STRANGE[kind]
    text = recipe_over(hub, base_files)
    assert old in text
    commit = hub.put("siti/strange", {"recipe.yaml": text.replace(old, new).encode(), **repository})
    hub.asked.clear()
    with tried("recipes from others", "refused in a line, nothing run"):
        for verb in ("run", "check"):
            found = refused(verb, "hub:siti/strange", *(["--yes"] if verb == "run" else []), *MACHINE)
            assert told in found and commit in found
    assert not list(desk.iterdir()) and not [path for _, path, _ in hub.asked if path.endswith(".tsv")]


def test_names_that_both_could_be_meant(shared: str, desk: Path) -> None:
    (desk / "siti" / "reviews").mkdir(parents=True)
    assert "holds no recipe.yaml, so the hub is asked" in said("check", "siti/reviews", *MACHINE).output
    (desk / "siti" / "reviews" / "recipe.yaml").write_text("lowres: 2\n", encoding="utf-8")
    answer = said("check", "siti/reviews", *MACHINE)
    assert "the folder here is taken; for the hub's say hub:siti/reviews" in answer.output
    assert "siti/reviews/recipe.yaml:1:1  name: is missing" in str(answer.exception)
    assert said("check", "hub:siti/reviews", *MACHINE).exit_code == 0


MEANT = {
    "recipe.yaml": Path("recipe.yaml"), "texts/recipe.yaml": Path("texts/recipe.yaml"), "quickstart": Path("quickstart"),
    "./siti/x": Path("siti/x"), "siti/x": HubAddress("siti/x"), "siti/x@v1": HubAddress("siti/x", "v1"),
    "hub:siti/x@" + "a" * 40: HubAddress("siti/x", "a" * 40),
    "https://huggingface.co/siti/x": HubAddress("siti/x"), "https://hf.co/siti/x/tree/v1": HubAddress("siti/x", "v1"),
    "https://huggingface.co/siti/x/blob/main/recipe.yaml": HubAddress("siti/x"),
    "https://github.com/siti/x": GithubAddress("siti/x"), "https://github.com/siti/x.git": GithubAddress("siti/x"),
    "https://github.com/siti/x/blob/v1/a/b.yaml": GithubAddress("siti/x", "v1", "a/b.yaml"),
    "https://github.com/siti/x/tree/v1/a": GithubAddress("siti/x", "v1", "a"),
    "https://raw.githubusercontent.com/siti/x/refs/heads/v1/a/b.yaml": GithubAddress("siti/x", "v1", "a/b.yaml"),
    "https://github.com/siti/x/releases/download/v1/b.zip": WebAddress("https://github.com/siti/x/releases/download/v1/b.zip"),
    "https://example.org/b.zip": WebAddress("https://example.org/b.zip"),
}  # fmt: skip


@pytest.mark.parametrize("given", MEANT)
def test_what_a_name_means(given: str, here: Path) -> None:
    found = meant(given)
    assert (found.path or found.address) == MEANT[given]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://example.org/recipe.yaml", "is not https"), ("file:///etc/passwd", "is not https"),
        ("https://localhost/recipe.yaml", "is not an address of the public web"),
        ("https://127.0.0.1/x.zip", "is not an address of the public web"),
        ("https://127.1/x.zip", "is not an address of the public web"),
        ("https://[::1]/x.zip", "is not an address of the public web"),
        ("https://10.0.0.7/x.zip", "is not an address of the public web"),
        ("https://metadata.internal/x.zip", "is not an address of the public web"),
        ("https://siti:pass@example.org/x.zip", "names a user or a password"),
        ("https://example.org/x.exe", "is neither a recipe nor a bundle"),
    ],
)  # fmt: skip
def test_addresses_that_are_not_used(url: str, told: str, desk: Path) -> None:
    with tried("recipes from others", "addresses refused unasked"):
        assert told in refused("run", url, "--yes") and "pass@" not in refused("run", url, "--yes")
