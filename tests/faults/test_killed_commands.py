"""What is killed beside a run – an export, a bundle, several seeds, a filled file, a correction, a fetch – is made whole by the same
command, loses nothing that was there, and leaves no rubbish.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from forks import KILLED, changes_of, in_fork, killed_at, reloaded_here
from matrix import tried
from test_kills import EVERY, changed, chosen
from test_run_folder import prepared

from lowres.demo.corrections import CARD, TABLE, Agreement, Corrections
from lowres.export import export
from lowres.export.bundle import share
from lowres.export.formats import FormatName
from lowres.export.verification import verify
from lowres.models.digests import folder_sha256
from lowres.planning import Options
from lowres.runs.filling import fill
from lowres.runs.run import Run
from lowres.seeds import run_seeds
from lowres.shared.arriving import Wanted, offered

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
HAPPENS = "the same command makes it whole, nothing is lost, without rubbish"


def spread(changes: list[str], most: int = 24) -> range:
    """The numbers of the changes to be killed at: about `most`, at even distances to the last."""
    stride = 1 if EVERY else max(1, len(changes) // most)
    return range(1 + (len(changes) - 1) % stride, len(changes) + 1, stride)


def cut(action: Callable[[], object], change: int, folder: Path) -> None:
    """Carry out an action in a process of its own, which is killed at a change below a folder."""

    def killed() -> None:
        killed_at(change, folder, torn=bool(change % 2))
        action()

    assert in_fork(killed) == KILLED, change


def copied(run: Run, folder: Path) -> Run:
    """The run and its base, in another folder."""
    shutil.copytree(run.folder.parent, folder)
    return Run(folder / run.folder.name, options=run.options)


@pytest.mark.parametrize("to", ["merged", "onnx"])
def test_a_killed_export_is_made_by_the_same_command(to: FormatName, reviews: Run, tmp_path: Path) -> None:
    whole = copied(reviews, tmp_path / "whole")
    before = folder_sha256(whole.folder)
    changes = changes_of(lambda: export(whole, to), tmp_path / "whole")
    expected = folder_sha256(whole.folder / to, {"README.md"})  # which tells how long it took
    points = chosen(changes, 2)
    assert len(points) > 8
    for change in points:
        run = copied(reviews, tmp_path / "run")
        cut(lambda run=run: export(run, to), change, tmp_path / "run")
        with tried(f"kill -9 at a write of lowres export --to {to}", HAPPENS):
            made = {name: digest for name, digest in folder_sha256(run.folder).items() if not name.startswith(f"{to}/")}
            assert {name: digest for name, digest in made.items() if name in before} == before
            if not (run.folder / to).exists():
                assert in_fork(lambda run=run: export(run, to)) == 0, changes[change - 1]
            assert folder_sha256(run.folder / to, {"README.md"}) == expected, changes[change - 1]
            assert not list(run.folder.glob("making-*"))
        shutil.rmtree(tmp_path / "run")


@pytest.mark.parametrize("out", ["bundle", "bundle.zip"])
def test_a_killed_bundle_is_made_by_the_same_command(out: str, reviews: Run, tmp_path: Path) -> None:
    def made(place: Path) -> Callable[[], object]:
        return lambda: share(reviews, place / out)

    changes = changes_of(made(tmp_path / "whole"), tmp_path / "whole")
    for change in spread(changes):
        place = tmp_path / "place"
        cut(made(place), change, place)
        with tried("kill -9 at a write of lowres share", HAPPENS):
            if not (place / out).exists():
                assert in_fork(made(place)) == 0, changes[change - 1]
            if out == "bundle":
                verify(place / out)
            else:
                assert (place / out).read_bytes() == (tmp_path / "whole" / out).read_bytes()
            assert not list(place.glob("making-*"))
        shutil.rmtree(place)


def test_killed_seeds_are_carried_on_by_the_same_command(
    tmp_path: Path, tiny_encoder: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lowres.running.check_reload", reloaded_here)
    recipe = changed(prepared(tmp_path, tiny_encoder), "method: {kind: features}\n", {})

    def made(out: Path) -> Callable[[], object]:
        return lambda: run_seeds(recipe, 2, out, options=options)

    changes = changes_of(made(tmp_path / "whole"), tmp_path / "whole")
    summing_up = next(number for number, change in enumerate(changes, start=1) if "summary.json" in change)
    cut(made(tmp_path / "done"), summing_up, tmp_path / "done")  # both runs are done, and nothing tells of them yet
    done = {path.name: (path / "record.json").read_bytes() for path in (tmp_path / "done").glob("seed-*")}
    assert len(done) == 2
    for change in range(1, len(changes) - summing_up + 2):
        out = tmp_path / "out"
        shutil.copytree(tmp_path / "done", out)
        cut(made(out), change, out)
        with tried("kill -9 at a write of lowres run --seeds", HAPPENS):
            assert in_fork(made(out)) == 0, changes[summing_up + change - 2]
            names = {path.name for path in out.iterdir()}
            assert names == {"seed-13", "seed-14", "summary.json", "report.html"}, names
            assert {name: (out / name / "record.json").read_bytes() for name in done} == done
        shutil.rmtree(out)


def test_a_killed_file_is_filled_in_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("the soup\nthe room\n", encoding="utf-8")

    def made(place: Path) -> Callable[[], object]:
        return lambda: fill(
            tmp_path / "in.txt", place / "out.txt", ("eng-Latn", "qaa-Latn"), lambda texts: ["lo mira"] * len(texts)
        )

    (tmp_path / "whole").mkdir()
    changes = changes_of(made(tmp_path / "whole"), tmp_path / "whole")
    for change in spread(changes):
        place = tmp_path / "place"
        place.mkdir()
        cut(made(place), change, place)
        with tried("kill -9 at a write of lowres predict --out", HAPPENS):
            if not (place / "out.txt").exists():
                assert in_fork(made(place)) == 0, changes[change - 1]
            assert (place / "out.txt").read_bytes() == (tmp_path / "whole" / "out.txt").read_bytes()
            assert [path.name for path in place.iterdir()] == ["out.txt"]
        shutil.rmtree(place)


def test_a_killed_correction_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    said = ("The river is old.", "Lo rivo tas vecho.", "lo rivo")
    maria = Agreement("María Ñ.", "CC-BY-4.0", agreed=True)

    def kept(place: Path, text: str = "") -> Callable[[], int]:
        corrections = Corrections(place, "A run", "translation")
        return lambda: corrections.add(("eng-Latn", "qaa-Latn"), f"{text}{said[0]}", *said[1:], maria)

    kept(tmp_path / "before", "Yes. ")()
    shutil.copytree(tmp_path / "before", tmp_path / "whole")
    changes = changes_of(kept(tmp_path / "whole"), tmp_path / "whole")
    old = (tmp_path / "before" / TABLE).read_bytes()
    for change in spread(changes):
        place = tmp_path / "place"
        shutil.copytree(tmp_path / "before", place)
        cut(kept(place), change, place)
        with tried("kill -9 at a write of a correction of lowres demo", HAPPENS):
            now = (place / TABLE).read_bytes()
            assert now in (old, (tmp_path / "whole" / TABLE).read_bytes()), changes[change - 1]
            assert kept(place)() == 2, changes[change - 1]
            assert (place / TABLE).read_bytes() == (tmp_path / "whole" / TABLE).read_bytes()
            assert (place / CARD).read_bytes() == (tmp_path / "whole" / CARD).read_bytes()
            assert {path.name for path in place.iterdir()} <= {TABLE, CARD, f".{TABLE}.lock"}
        shutil.rmtree(place)


@pytest.mark.parametrize("wanted", ["recipe", "model"])
def test_a_killed_fetch_is_ended_by_the_same_command(wanted: Wanted, reviews: Run, tmp_path: Path) -> None:
    share(reviews, tmp_path / "shared.zip")

    def fetched(place: Path) -> Callable[[], object]:
        def action() -> None:
            with offered(tmp_path / "shared.zip", wanted, place, offline=True) as offer:
                offer.fetch()

        return action

    changes = changes_of(fetched(tmp_path / "whole"), tmp_path / "whole")
    (folder,) = (tmp_path / "whole").iterdir()
    expected = folder_sha256(folder)
    for change in spread(changes):
        place = tmp_path / "place"
        place.mkdir()
        cut(fetched(place), change, place)
        with tried("kill -9 at a write of a fetch into a folder", HAPPENS):
            assert in_fork(fetched(place)) == 0, changes[change - 1]
            assert [path.name for path in place.iterdir()] == [folder.name], changes[change - 1]
            assert folder_sha256(place / folder.name) == expected
            facts = json.loads((place / folder.name / "origin.json").read_bytes())
            assert set(facts["files"]) == set(expected) - {"origin.json"}
        shutil.rmtree(place)
