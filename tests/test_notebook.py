"""What a linguist does in a notebook: look at a run, predict whatever holds texts, go on in a table."""

from html.parser import HTMLParser
from pathlib import Path

import pandas
import pytest
from test_run_folder import prepared

from lowres.errors import DataError, ModelError
from lowres.planning import Options
from lowres.running import run as run_recipe
from lowres.runs.run import Run

TEXTS = ["the soup was warm and good", "an ugly dirty room", ""]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, cache: Path) -> Run:
    project = tmp_path_factory.mktemp("notebook")
    recipe = prepared(project, tiny_encoder)
    recipe.write_text(
        recipe.read_text(encoding="utf-8").replace("Small reviews", "<script>x</script>"), encoding="utf-8"
    )
    return run_recipe(recipe, project / "out", options=Options(cache=cache, offline=True, device="cpu", threads=1))


class Shown(HTMLParser):
    """The tags and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_run_shows_its_summary_and_not_the_whole_report(finished: Run) -> None:
    page = finished._repr_html_()
    shown = Shown(page)
    assert len(page) < 10_000 < len((finished.folder / "report.html").read_text(encoding="utf-8"))
    assert set(shown.tags) <= {"div", "strong", "table", "tr", "th", "td"}
    assert (
        "<script>x</script>" in shown.texts and "macro-F1" in shown.texts and "majority class" in " ".join(shown.texts)
    )
    assert f"{finished.record.scores[0].value:.1f}" in shown.texts


def test_whatever_holds_texts_can_be_predicted(finished: Run) -> None:
    expected = [one.label for one in finished.predict(TEXTS)]
    series = pandas.Series(TEXTS, index=[7, 8, 9])
    for texts in (tuple(TEXTS), series, (text for text in TEXTS), pandas.Index(TEXTS)):
        assert [one.label for one in finished.predict(texts)] == expected
    assert finished.predict(TEXTS[0])[0].label == expected[0] and finished.predict(iter(())) == []


def test_what_is_no_text_is_named(finished: Run) -> None:
    with pytest.raises(DataError) as error:
        finished.predict(pandas.Series(["a", None, float("nan")], dtype=object))
    assert [problem.where for problem in error.value.problems] == ["text 2", "text 3"]


def test_predictions_become_a_table(finished: Run) -> None:
    table = finished.predict(TEXTS).to_dataframe()
    assert list(table["text"]) == TEXTS and {"label", "probabilities.positive", "probabilities.negative"} <= set(
        table.columns
    )
    assert table[["probabilities.positive", "probabilities.negative"]].sum(axis=1).round(3).eq(1).all()


def test_the_test_rows_become_a_table(finished: Run, tmp_path: Path) -> None:
    table = finished.to_dataframe()
    assert len(table) == 24 and {"id", "text", "reference", "prediction"} <= set(table.columns)
    (finished.folder / "predictions.jsonl").rename(tmp_path / "predictions.jsonl")
    with pytest.raises(ModelError, match="there are no predictions here"):
        finished.to_dataframe()
    (tmp_path / "predictions.jsonl").rename(finished.folder / "predictions.jsonl")
