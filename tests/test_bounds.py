"""What others may have made is read within bounds, and what was exported is used only as it was written."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from matrix import tried
from onnx import TensorProto, helper
from test_cache import bit_flipped

from lowres.errors import LowresError, ModelError
from lowres.evaluation.prediction_files import read_predictions
from lowres.export import export
from lowres.export.bundle import share
from lowres.models.weight_files import read_json
from lowres.runs.reload_check import read_sample
from lowres.runs.run import Run, read_record
from lowres.seeds import write_report
from lowres.shared.manifest import read_manifest
from lowres.tasks.classification.exported import session_of
from lowres.tasks.engines import EXPORT_JSON
from lowres.tasks.saved import ModelFacts, read_facts

READS: dict[str, Callable[[Path], object]] = {
    "record.json": lambda folder: read_record(folder / "record.json"),
    "predictions.jsonl": read_predictions,
    "reload.json": read_sample,
    "bundle.json": lambda folder: read_manifest(folder / "bundle.json"),
    "summary.json": write_report,
    "model.json": lambda folder: read_facts(folder, ModelFacts),
    "config.json": lambda folder: read_json(folder / "config.json"),
}
ODD: dict[str, Callable[[Path], object]] = {
    "a pipe that nobody writes to": os.mkfifo,
    "a link to /dev/zero": lambda path: path.symlink_to("/dev/zero"),
    "3 GiB of nothing": lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_RDWR), 3 << 30),
    "100,000 brackets": lambda path: path.write_text("[" * 100_000),
    "a number": lambda path: path.write_text("7"),
    "no UTF-8": lambda path: path.write_bytes(b'{"a": "caf\xe9"}'),
    "a folder": Path.mkdir,
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", READS)
def test_a_file_of_a_run_is_read_within_bounds(name: str, odd: str, tmp_path: Path) -> None:
    ODD[odd](tmp_path / name)
    with tried("odd files in the folders of strangers", "refused in a line"), pytest.raises(LowresError) as caught:
        READS[name](tmp_path)
    assert all(len(str(problem).splitlines()) == 1 for problem in caught.value.problems)


@pytest.fixture
def run(reviews: Run, tmp_path: Path) -> Run:
    """A copy of a finished run and its base, in a project of their own."""
    shutil.copytree(reviews.folder.parent, tmp_path / "project")
    return Run(tmp_path / "project" / "out", options=reviews.options)


@pytest.mark.parametrize("listed", [True, False])
def test_links_and_pipes_in_a_model_folder_are_refused_whatever_the_record_says(
    listed: bool, run: Run, tmp_path: Path
) -> None:
    """A record of an earlier version lists no files, so that a stranger can leave the list out."""
    if not listed:
        facts = json.loads((run.folder / "record.json").read_bytes())
        (run.folder / "record.json").write_text(json.dumps({**facts, "model_files": {}}), encoding="utf-8")
    head = run.folder / "model" / "head.safetensors"
    head.rename(tmp_path / "elsewhere")
    head.symlink_to(tmp_path / "elsewhere")
    with tried("links in the folder of a run", "refused, nothing read"), pytest.raises(ModelError, match="is a link"):
        _ = Run(run.folder, options=run.options).predictor
    with tried("links in the folder of a run", "refused, nothing read"), pytest.raises(ModelError, match="is a link"):
        share(Run(run.folder, options=run.options), tmp_path / "bundle")
    head.unlink()
    os.mkfifo(head)
    with (
        tried("odd files in the folders of strangers", "refused in a line"),
        pytest.raises(ModelError, match="no ordinary file"),
    ):
        _ = Run(run.folder, options=run.options).predictor


def test_a_line_of_predictions_may_hold_any_character(run: Run) -> None:
    """Some that json leaves as they are end a line elsewhere."""
    path = run.folder / "predictions.jsonl"
    lines = path.read_text(encoding="utf-8").split("\n")
    row = json.loads(lines[0]) | {"text": "one\u2028two\x85three\x1cfour"}
    path.write_text("\n".join([json.dumps(row, ensure_ascii=False), *lines[1:]]), encoding="utf-8")
    assert len(read_predictions(run.folder).rows) == len(lines) - 1


def test_what_was_exported_is_used_only_as_it_was_written(run: Run, tmp_path: Path) -> None:
    folder, _ = export(run, "onnx")
    sound = tmp_path / "sound"
    shutil.copytree(folder, sound)
    found = Run(run.folder, options=run.options, engine="onnx").predict("the soup was warm")
    assert found[0].label in ("positive", "negative")
    damages: dict[str, tuple[Callable[[], object], str]] = {
        "a bit of the weights": (
            lambda: bit_flipped(folder / "model.onnx"),
            r"model\.onnx  is damaged, or was changed",
        ),
        "half of the weights": (
            lambda: os.truncate(folder / "model.onnx", 999),
            r"model\.onnx  is damaged, or was changed",
        ),
        "no weights": ((folder / "model.onnx").unlink, r"model\.onnx  is missing .*export again"),
        "a file more": (
            lambda: (folder / "weights.bin").write_bytes(b""),
            r"weights\.bin  does not belong to this run",
        ),
        "a link": (lambda: (folder / "more").symlink_to("/etc/hostname"), "is a link"),
        "a pipe": (lambda: os.mkfifo(folder / "more"), "is no ordinary file"),
        "no list": (lambda: (folder / EXPORT_JSON).write_text('{"model": "x"}'), r"cannot be read: 'files'"),
        "no facts": ((folder / EXPORT_JSON).unlink, "cannot be read"),
    }
    for kind, (damage, words) in damages.items():
        damage()
        with tried("damaged exports", "refused in a line"), pytest.raises(ModelError, match=words) as caught:
            _ = Run(run.folder, options=run.options, engine="onnx").predictor
        assert len(str(caught.value).splitlines()) == 1, kind
        shutil.rmtree(folder)
        shutil.copytree(sound, folder)
    (folder / "README.md").write_text("edited", encoding="utf-8")
    assert Run(run.folder, options=run.options, engine="onnx").predict("the soup was warm")[0].label == found[0].label
    program = str(Path(onnx.__file__).parent).encode()
    for path in (one for one in folder.rglob("*") if one.is_file()):
        assert program not in path.read_bytes() and str(tmp_path).encode() not in path.read_bytes(), path.name


@pytest.mark.parametrize("place", ["../outside.bin", "{outside}", "link.bin"])
def test_a_graph_reads_nothing_outside_its_folder(place: str, tmp_path: Path) -> None:
    """ONNX lets a graph name files that hold its weights."""
    (tmp_path / "in").mkdir()
    outside = tmp_path / "outside.bin"
    np.arange(4, dtype=np.float32).tofile(outside)
    (tmp_path / "in" / "link.bin").symlink_to(outside)
    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", place.format(outside=outside)), ("offset", "0"), ("length", "16")):
        weights.external_data.add(key=key, value=value)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [weights])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "in" / "model.onnx").write_bytes(made.SerializeToString())
    with (
        tried("names that lead out of an exported folder", "refused"),
        pytest.raises(ModelError, match="cannot be read") as caught,
    ):
        session_of(tmp_path / "in" / "model.onnx", 1)
    assert len(str(caught.value).splitlines()) == 1
