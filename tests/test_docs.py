"""What the documentation says is there: its links, paths, commands, recipe keys; and the names that benchmarks import."""

import ast
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import rich_click as click
from ruamel.yaml import YAML

import lowres
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


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_of_yaml_is_a_recipe_or_part_of_one(page: Path) -> None:
    for block in re.findall(r"^```ya?ml\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL):
        assert block.partition(":")[0] in {"lowres", *Recipe.model_fields}, block


def test_pages_show_recipes() -> None:
    assert sum(len(list(recipes_of(page))) for page in PAGES) > 8


def commands_of(page: Path) -> Iterator[str]:
    """The command lines in its code blocks, each on one line, without prompt, comment and what the shell does with it."""
    for block in blocks(page):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            words = line.strip().removeprefix("$ ").removeprefix(".venv/bin/")
            if words.startswith("lowres ") and not re.match(r"lowres\s+(command|API)\b", words):
                yield words


def problem_of(line: str) -> str:
    """Why click would not take this line, whatever files there are; empty where it would."""
    words = re.split(r" (?:<|>|\|) ", line)[0]
    name, *rest = shlex.split(words, comments=True)[1:]
    known = {command.name: command for command in COMMANDS}
    if name.startswith("-"):
        return "" if name in ("--help", "--version") else "no option of lowres"
    if name not in known:
        return "no command"
    context = click.Context(known[name])
    try:
        given, left, _ = known[name].make_parser(context).parse_args(list(rest))
        for parameter in known[name].params:
            value = given.get(parameter.name)
            value = (
                value if isinstance(value, str | list | tuple) else None
            )  # click has a mark of its own for what is not given
            if isinstance(parameter, click.Argument) and parameter.required and not value:
                return f"without {parameter.human_readable_name}"
            if value and not isinstance(parameter.type, click.Path):
                parameter.type_cast_value(context, value)
    except click.UsageError as error:
        return error.format_message()
    return f"too many arguments: {left}" if left else ""


def test_a_wrong_command_line_is_told() -> None:
    wrong = {
        "lowres rum recipe.yaml": "no command",
        "lowres run": "without RECIPE",
        "lowres run a.yaml b.yaml": "too many",
        "lowres run a.yaml --sedes 3": "No such option",
        "lowres run a.yaml --seeds three": "not a valid integer",
        "lowres export RUN --bits 7": "is not one of",
    }
    assert not [line for line, why in wrong.items() if why not in problem_of(line)], list(map(problem_of, wrong))


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=name_of)
def test_commands_that_are_shown_are_taken(page: Path) -> None:
    refused = {line: why for line in commands_of(page) if (why := problem_of(line))}
    assert not refused


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=name_of)
def test_commands_that_are_named_exist(page: Path) -> None:
    known = {command.name: command for command in COMMANDS}
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    for line in [
        *re.findall(r"`([^`\n]+)`", text_of(page)),
        *(line for block in blocks(page) for line in block.splitlines()),
    ]:
        words = line.split("#")[0].removeprefix(".venv/bin/").split()
        if words[:1] == ["make"] and len(words) > 1:
            assert words[1] in targets, line
        elif words[:1] == ["lowres"] and len(words) > 1 and not words[1].startswith("-"):
            assert words[1] in known or words[1].isupper(), line
            command = known.get(words[1])
            if isinstance(command, click.Group) and len(words) > 2:
                assert words[2] in command.commands, line
                command = command.commands[words[2]]
            options = {option for parameter in command.params for option in parameter.opts} if command else set()
            assert {word for word in words if word.startswith("--")} <= {*options, "--help"}, line


def test_pages_show_commands() -> None:
    assert sum(len(list(commands_of(page))) for page in PAGES) > 80


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_that_is_shown_can_be_read_and_names_what_there_is(page: Path) -> None:
    for block in blocks(page):
        if re.search(r"^(import|from) lowres\b", block, re.MULTILINE):
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "lowres":
                    assert node.attr in lowres.__all__


TRANSLATED = sorted((ROOT / "docs").glob("start.*.md"))


def test_first_steps_stand_in_four_more_languages() -> None:
    assert [page.name for page in TRANSLATED] == [f"start.{code}.md" for code in ("es", "fr", "id", "sw")]


@pytest.mark.parametrize("page", TRANSLATED, ids=name_of)
def test_a_translated_page_shows_what_the_english_one_shows(page: Path) -> None:
    def shown(page: Path) -> list[str]:
        return [re.sub(r"\s+# .*", "", line) for block in blocks(page) for line in block.splitlines()]

    english = ROOT / "docs" / "start.md"
    assert shown(page) == shown(english)
    assert [line.count("#") for line in text_of(page).splitlines() if line.startswith("#")] == [
        line.count("#") for line in text_of(english).splitlines() if line.startswith("#")
    ]
    assert text_of(page).splitlines()[2].startswith("> **") and "](start.md)" in text_of(page), (
        "to be reviewed by speakers"
    )


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
