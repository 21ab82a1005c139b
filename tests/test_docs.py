"""What the documentation says is there: its links, paths, commands, recipe keys; and the names that benchmarks import."""

import ast
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import rich_click as click
from ruamel.yaml import YAML

from lowres.cli import COMMANDS
from lowres.recipe import wording
from lowres.recipe.reader import parse_recipe
from lowres.recipe.sections import Recipe

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "data_cards").glob("*.md"), *(ROOT / "lowres").rglob("*.md")]
)  # fmt: skip
SOURCES = sorted(
    [*(path for folder in ("lowres", "benchmarks", "tests") for path in (ROOT / folder).rglob("*.py")),
     *(ROOT / "recipes").glob("*.yaml"), ROOT / "Makefile", ROOT / "pyproject.toml"]
)  # fmt: skip
LINK = re.compile(r"\]\(([^)\s]+)\)")
CITED = re.compile(
    r"(?<![\w/.-])(?:lowres|benchmarks|tests|recipes|docs|data_cards)/[\w/.-]*\w\.(?:py|md|yaml|json|css|html)\b"
)
# A recipe that is whole, to be completed by the sections that a page shows.
WHOLE = {
    "lowres": 2,
    "name": "shown",
    "task": {"kind": "classification"},
    "data": {"card": "nusax-sentiment"},
}


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The anchors of its headings, as GitHub makes them."""
    found = set()
    for line in text_of(page).splitlines():
        if line.startswith("#"):
            words = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            found.add(words.replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target in LINK.findall(text_of(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        if not other.exists() or (anchor and anchor not in anchors(other)):
            dead.append(target)
    assert not dead


def test_files_that_are_cited_exist() -> None:
    lost = [
        f"{name_of(path)} → {cited}"
        for path in (*PAGES, *SOURCES)
        if path != Path(__file__)
        for cited in sorted(set(CITED.findall(text_of(path))))
        if not (ROOT / cited).exists()
    ]
    assert not lost, "\n".join(lost)


def blocks(page: Path) -> Iterator[str]:
    """The code blocks of a page, fenced or indented, without their indent."""
    text = text_of(page)
    yield from re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for block in re.findall(
        r"(?:^    .*\n|^\n(?=    ))+", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    ):
        yield "\n".join(line[4:] for line in block.strip("\n").splitlines()) + "\n"


def recipes_of(page: Path) -> Iterator[str]:
    """Recipes that it shows, whole ones as they stand, sections completed."""
    for block in blocks(page):
        key = block.partition(":")[0].strip()
        if key == "lowres":
            yield block
        elif key in Recipe.model_fields:
            out = io.StringIO()
            YAML().dump({**WHOLE, **YAML(typ="safe").load(block)}, out)
            yield out.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_recipes_that_are_shown_are_valid(page: Path) -> None:
    for recipe in recipes_of(page):
        parse_recipe(recipe, name_of(page))


def test_pages_show_recipes() -> None:
    assert sum(len(list(recipes_of(page))) for page in PAGES) > 8


def options_of(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts} | {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_that_are_shown_have_their_options(page: Path) -> None:
    known = {command.name: options_of(command) for command in COMMANDS}
    shown = [line for block in blocks(page) for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", text_of(page))
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    for line in shown:
        words = line.split("#")[0].removeprefix(".venv/bin/")
        if words.startswith("lowres ") and page.name != "CHANGELOG.md":
            name, *rest = words.split()[1:]
            if not name.startswith("-"):
                assert name in known, line
                assert {word for word in rest if word.startswith("--")} <= known[name], line
        elif words.startswith("make "):
            assert words.split()[1] in targets, line


def test_every_benchmark_is_cited_with_its_results() -> None:
    helpers = {"carrying.py", "corpora.py"}
    said = "".join(text_of(page) for page in (ROOT / "docs" / "results").glob("*.md")) + text_of(ROOT / "Makefile")
    assert not [
        path.name for path in (ROOT / "benchmarks").glob("*.py") if path.name not in helpers and path.name not in said
    ]


def test_changelog_names_every_key_that_was_renamed() -> None:
    changes = text_of(ROOT / "CHANGELOG.md")
    for (section, old), new in wording._RENAMED.items():
        where = f"task.{section}" if section == "back_translation" else section
        assert f"| `{where}.{old}` | `{where}.{new}` |" in changes


def defined(module: str) -> set[str] | None:
    """The names at the top level of a file of lowres, its files among them where it is a package; None where there is none."""
    place = ROOT.joinpath(*module.split("."))
    file = place.with_suffix(".py") if place.with_suffix(".py").exists() else place / "__init__.py"
    if not file.exists():
        return None
    names = {path.stem for path in place.glob("*")} if place.is_dir() else set()
    for node in ast.walk(ast.parse(text_of(file))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=name_of)
def test_benchmarks_import_what_there_is(path: Path) -> None:
    lost = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(text_of(path)))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lowres")
        for alias in node.names
        if alias.name not in (defined(str(node.module)) or ())
    ]
    assert not lost


def test_every_promise_of_security_names_tests_that_there_are() -> None:
    page = text_of(ROOT / "docs" / "security.md")
    rows = [line for line in page.splitlines() if line.startswith("|") and "---" not in line and "held by" not in line]
    assert len(rows) > 25
    lost, held = [], re.compile(r"\[[\w.]+\]\(\.\./(tests/[\w/]+\.py)\): ((?:`\w+`(?:, )?)+)")
    for row in rows:
        named = held.findall(row)
        if not named:
            lost.append(f"no test: {row}")
        for file, tests in named:
            there = {
                node.name for node in ast.walk(ast.parse(text_of(ROOT / file))) if isinstance(node, ast.FunctionDef)
            }
            lost += [f"{file}: {name}" for name in re.findall(r"\w+", tests) if name not in there]
    assert not lost, "\n".join(lost)
    target = re.search(r"^test-faults:.*\n\t(.*)$", text_of(ROOT / "Makefile"), re.MULTILINE)
    assert target, "make test-faults is gone"
    promised = {file for row in rows for file, _ in held.findall(row)}
    assert not [file for file in promised if not file.startswith("tests/faults/") and file not in target[1]]
