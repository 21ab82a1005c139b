"""A run published to a hub, and what is refused: the server is a small one of our own, asked by huggingface_hub itself."""

import os
import pty
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import rich_click as click
import yaml
from click.testing import CliRunner, Result
from hub_server import HubServer
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results
from test_sharing import with_recipe

from lowres.cli import lowres
from lowres.errors import LowresError
from lowres.runs.run import Run

TOKEN = "hf_aTokenThatMustNotStandAnywhere"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub on this machine, and the user logged in to it."""
    server = HubServer(TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
    template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    for name, value in {
        "HF_TOKEN": TOKEN,
        "HF_ENDPOINT": server.url,
        "HF_HUB_CACHE": str(tmp_path / "hub-cache"),
    }.items():
        monkeypatch.setenv(name, value)  # the latter for processes that a command starts
    yield server
    server.shutdown()


def share(run: Run, to: str, *more: str) -> Result:
    """The command, whose answer to a question would be no."""
    return CliRunner().invoke(lowres, ["share", str(run.folder), to, *more], catch_exceptions=True)


def refused(run: Run, to: str, *more: str) -> str:
    """What a command says that is refused."""
    error = share(run, to, *more).exception
    assert isinstance(error, LowresError), error
    return str(error)


def test_a_run_becomes_a_private_repository_in_one_commit(hub: HubServer, reviews: Run, tmp_path: Path) -> None:
    answer = share(reviews, "hub:siti/small-reviews", "--yes")
    assert answer.exit_code == 0, answer.output
    repository = hub.repositories["siti/small-reviews"]
    assert repository.private and len(repository.commits) == 2  # what the hub itself puts in, and the bundle
    commit, files = repository.at("main")
    assert {"recipe.yaml", "recipe.lock", "bundle.json", "README.md", "model/model.json"} <= files.keys()
    assert not files.keys() & {"predictions.jsonl", "log.jsonl", "report.html"}
    assert f"others run it with  lowres run hub:siti/small-reviews@{commit}" in answer.output
    assert "model/model.json" in answer.output and "only its owner sees; you are siti" in answer.output
    assert not [name for name, content in files.items() if TOKEN.encode() in content]
    assert TOKEN not in answer.output
    assert not list(reviews.folder.parent.glob("making-*"))


def test_its_model_card_is_one_that_the_hub_reads(hub: HubServer, reviews: Run) -> None:
    share(reviews, "hub:siti/small-reviews", "--yes", "--public")
    text = hub.repositories["siti/small-reviews"].at("main")[1]["README.md"].decode()
    front = yaml.safe_load(text.split("---\n")[1])
    assert (front["language"], front["license"], front["library_name"]) == (["en"], "other", "lowres")
    card = ModelCard(text)
    name, results = model_index_to_eval_results(card.data.to_dict()["model-index"])
    score = next(one for one in reviews.record.scores if one.name == "macro-F1")
    found = next(one for one in results if one.metric_type == "f1")
    assert name == "Small reviews" and found.task_type == "text-classification" and found.dataset_split == "test"
    assert found.metric_value == pytest.approx(score.value, abs=0.05)
    assert found.metric_args["low"] == pytest.approx(score.low, abs=0.001) and "95% interval" in found.metric_name
    assert 'lowres predict hub:siti/small-reviews "…"' in text
    assert not hub.repositories["siti/small-reviews"].private


def test_a_second_sharing_is_a_further_commit_and_removes_what_is_no_longer_there(hub: HubServer, reviews: Run) -> None:
    hub.put("siti/small-reviews", {"model/old.safetensors": b"old", "notes.txt": b"mine"}, private=True)
    answer = share(reviews, "hub:siti/small-reviews", "--yes")
    assert answer.exit_code == 0 and "model/old.safetensors is removed" in answer.output
    files = hub.repositories["siti/small-reviews"].at("main")[1]
    assert "model/old.safetensors" not in files and files["notes.txt"] == b"mine" and "bundle.json" in files


@pytest.mark.parametrize(("private", "more", "said"), [(False, (), "is public"), (True, ("--public",), "is private")])
def test_an_existing_repository_keeps_who_sees_it(
    private: bool, more: tuple[str, ...], said: str, hub: HubServer, reviews: Run
) -> None:
    hub.put("siti/small-reviews", {}, private=private)
    assert said in refused(reviews, "hub:siti/small-reviews", "--yes", *more)
    assert len(hub.repositories["siti/small-reviews"].commits) == 1


def test_nothing_is_sent_without_the_users_word(hub: HubServer, reviews: Run) -> None:
    assert "say --yes" in refused(reviews, "hub:siti/small-reviews")
    assert {method for method, _, _ in hub.asked} == {"GET"} and not hub.repositories


def at_a_terminal(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input is a terminal, at which the user writes a line."""
    ours, theirs = pty.openpty()
    os.write(ours, f"{word}\n".encode())
    monkeypatch.setattr("sys.stdin", os.fdopen(theirs))


@pytest.mark.parametrize(("word", "sent"), [("n", False), ("y", True)])
def test_the_user_is_asked_at_a_terminal(
    word: str,
    sent: bool,
    hub: HubServer,
    reviews: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    at_a_terminal(word, monkeypatch)
    with nullcontext() if sent else pytest.raises(click.Abort):
        lowres.main(["share", str(reviews.folder), "hub:siti/asked"], standalone_mode=False)
    told = capsys.readouterr()
    assert "recipe.yaml" in told.out and "Send it? [y/N]" in told.err
    assert ("siti/asked" in hub.repositories) is sent


def test_licences_are_obeyed_before_the_hub_is_asked(hub: HubServer, reviews: Run, tmp_path: Path) -> None:
    private = with_recipe(reviews, tmp_path / "run", "licence: CC0-1.0", "licence: private")
    assert "may be passed on, or changed, only if its owners agree" in refused(private, "hub:siti/x", "--yes")
    assert not hub.asked


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("/home/siti/notes", "names the folder /home/"),
        ("hf_" + "aB3" * 11, "holds what looks like a token or a key: hf_aB3aB…"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "holds what looks like a token or a key"),
    ],
)
def test_tokens_and_folders_of_people_are_not_sent(
    secret: str, said: str, hub: HubServer, reviews: Run, tmp_path: Path
) -> None:
    run = with_recipe(reviews, tmp_path / "run", "written for this test", f"written for this test {secret}")
    told = refused(run, "hub:siti/x", "--yes")
    assert said in told and secret not in told.replace(secret[:10], "", 1).replace("/home/siti", "")
    assert not hub.asked


def test_faults_of_the_hub_are_said_in_words(
    hub: HubServer, reviews: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "you may not write there" in refused(reviews, "hub:someone/x", "--yes")
    assert "is no address of a repository" in refused(reviews, "hub:x", "--yes")
    assert "has no effect for a folder" in refused(reviews, str(tmp_path / "x"), "--public")
    hub.put("siti/ignoring", {}, private=True)
    hub.refuses = {"recipe.lock"}
    assert "did not take recipe.lock" in refused(reviews, "hub:siti/ignoring", "--yes")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "the hub does not know your token" in refused(reviews, "hub:siti/x", "--yes")
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    assert "you are not logged in to the hub (log in with  hf auth login)" in refused(reviews, "hub:siti/x", "--yes")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "the hub cannot be asked offline" in refused(reviews, "hub:siti/x", "--yes")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert "the hub cannot be reached" in refused(reviews, "hub:siti/x", "--yes")
