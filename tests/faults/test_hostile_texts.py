"""Recipes, cards and records that somebody has tampered with: each is read, or refused in lines; nothing else ever happens."""

import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matrix import tried
from test_cards import CARD, SHA256
from test_report import SEVERAL

import lowres
from lowres.cards import read_card
from lowres.errors import LowresError, ModelError
from lowres.recipe.reader import parse_recipe
from lowres.report import render
from lowres.runs.run import read_record

# What breaks readers of YAML, of numbers, of paths and of terminals.
PIECES = st.sampled_from([
    "&a [*a]", "*a", "<<: ", "!!python/object/apply:os.system [id]", "!!binary x", "{", "[[[[", "- ", "? ", ": ", "|\n", ">",
    "%YAML 1.1\n", "---\n", "...\n", "#", "\t", "\0", "\x1b]52;c;eA==\x07", "\u202e", "\ufeff", "\u2028", "nan", ".inf", "-.inf",
    "1e999", "0x10", "0o7", "-1", "9" * 400, "yes", "null", "~", "''", '"', "../../etc/passwd", "/dev/zero", "https://127.0.0.1/",
    "${HOME}", "{{7*7}}", "a" * 5000,
])  # fmt: skip
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), PIECES), min_size=1, max_size=4)
RECIPE = (Path(lowres.__file__).parent.parent / "recipes" / "upper-sorbian.yaml").read_text(encoding="utf-8")
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def edited(text: str, edits: list[tuple[float, int, str]]) -> str:
    """The text with pieces put in the place of some of its characters."""
    for at, length, piece in edits:
        start = int(at * len(text))
        text = text[:start] + piece + text[start + length :]
    return text


def in_lines(error: LowresError) -> bool:
    return bool(error.problems) and all(len(str(problem).splitlines()) == 1 for problem in error.problems)


@FEW
@given(edits=EDITS)
def test_any_recipe_is_read_or_refused(edits: list[tuple[float, int, str]]) -> None:
    text = edited(RECIPE, edits)
    with tried("tampered recipes", "read, or refused in lines"):
        try:
            parse_recipe(text, "recipe.yaml")
        except LowresError as error:
            assert in_lines(error)


@FEW
@given(edits=EDITS)
def test_any_card_is_read_or_refused(edits: list[tuple[float, int, str]], tmp_path: Path) -> None:
    (tmp_path / "weather.md").write_text(edited(CARD % SHA256, edits), encoding="utf-8", newline="")
    with tried("tampered cards", "read, or refused in lines"):
        try:
            read_card("weather", tmp_path)
        except LowresError as error:
            assert in_lines(error)


@FEW
@given(edits=EDITS)
def test_any_record_is_read_or_refused(edits: list[tuple[float, int, str]], tmp_path: Path) -> None:
    text = edited(SEVERAL.model_dump_json(indent=1), edits)
    (tmp_path / "record.json").write_text(text, encoding="utf-8")
    with tried("tampered records", "read, or refused in a line"):
        try:
            read_record(tmp_path / "record.json")
        except ModelError as error:
            assert in_lines(error)


VALUES = st.sampled_from([0, -1, 0.0, 1e308, "", "x" * 3000, "\x1b[31m", "<script>alert(1)</script>", True])


@FEW
@given(data=st.data())
def test_a_record_with_other_values_is_shown_or_refused(data: st.DataObject, tmp_path: Path) -> None:
    facts = json.loads(SEVERAL.model_dump_json())
    for _ in range(data.draw(st.integers(1, 3))):
        place: object = facts
        while isinstance(place, dict | list) and place:
            key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            inner = place[key]  # type: ignore[index,call-overload]
            if not isinstance(inner, dict | list) or not inner or data.draw(st.integers(0, 5)) == 0:
                place[key] = data.draw(VALUES) if not isinstance(inner, list) else []  # type: ignore[index,call-overload]
                break
            place = inner
    (tmp_path / "record.json").write_text(json.dumps(facts), encoding="utf-8")
    with tried("records with odd values", "shown, or refused in a line"):
        try:
            page = render(read_record(tmp_path / "record.json"))
        except ModelError as error:
            assert in_lines(error)
        else:
            assert "<script" not in page and "\x1b" not in page
