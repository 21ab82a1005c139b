"""The wheel holds all that is needed away from the source: recipes, cards, weights; shipped recipes go by their names."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lowres.errors import RecipeError
from lowres.recipe import open_recipe
from lowres.recipe.shipped import shipped_recipes

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source and unpacked as an installer does."""
    pytest.importorskip("hatchling", reason="hatchling is not installed: pip install lowres[dev]")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def lowres(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command of the wheel, in another folder."""
    start = f"import sys; sys.path.insert(0, {str(installed)!r}); from lowres.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-P", "-c", start, *arguments], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(installed)},
    )  # fmt: skip


def test_the_wheel_holds_recipes_and_cards(installed: Path) -> None:
    names = {
        path.relative_to(installed / "lowres").as_posix()
        for path in (installed / "lowres").rglob("*")
        if path.is_file()
    }
    for folder, pattern in (("recipes", "*.yaml"), ("data_cards", "*.md")):
        assert {f"{folder}/{path.name}" for path in (ROOT / folder).glob(pattern)} <= names
    assert {"py.typed", "report/page.html", "starters/weights/translation.safetensors"} <= names
    assert not [name for name in names if name.startswith("tests")]


def test_the_wheel_checks_a_shipped_recipe_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    answer = lowres(
        installed,
        tmp_path,
        "check",
        "upper-sorbian",
        "--offline",
        "--device",
        "cpu",
        "--cache",
        str(tmp_path / "cache"),
    )
    assert answer.returncode == 0, answer.stderr
    assert "Messages into Upper Sorbian" in answer.stdout and "model: " in answer.stdout


def test_a_bare_name_is_a_shipped_recipe_unless_there_is_such_a_file(here: Path) -> None:
    assert open_recipe("quickstart").path == shipped_recipes()["quickstart"]
    with pytest.raises(
        RecipeError, match=r"quickstrat  there is no such file, and no shipped recipe .*did you mean “quickstart”"
    ):
        open_recipe("quickstrat")
    (here / "quickstart").write_text("lowres: 2\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"quickstart:1:1  name: is missing"):
        open_recipe("quickstart")
