"""What the site has beyond the pages of docs/: the reference, and a page for every file of the repository that a page links to.

Links in docs/ are those of the repository. A link that leads out of docs/ leads, in the site, to a page that shows the file, so that
the site is whole by itself.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

import rich_click as click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from lowres import _ENTRY_POINTS
from lowres.cli import COMMANDS
from lowres.cli.explaining import ROOT, description, keys, possible, shown
from lowres.recipe.schema import recipe_schema

REPOSITORY = Path(__file__).parent.parent
LINK = re.compile(r"(?<=\]\()([^)\s:#]+)((?:#[^)\s]*)?)(?=\))")
ALWAYS = ("recipes/*.yaml", "data_cards/*.md", "README.md", "CONTRIBUTING.md")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Pages that the navigation does not name stand under Guides."""
    guides = next(entry["Guides"] for entry in config.nav or () if "Guides" in entry)
    named = set(_named(config.nav))
    guides += sorted(page.name for page in (REPOSITORY / "docs").glob("*.md") if page.name not in named)
    return config


def _named(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for inner in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _named(inner)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    made = {
        "reference/recipe.md": recipe_reference(),
        "reference/commands.md": command_reference(),
        "reference/python.md": python_reference(),
    }
    made |= {_shown_at(path): _shown_file(path) for path in _linked_files()}
    for place, text in made.items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links of the repository into links of the site."""
    place = page.file.src_uri
    origin = _origin(place)

    def of_site(match: re.Match[str]) -> str:
        target = normpath(f"{PurePosixPath(origin).parent}/{match[1]}")
        return relpath(_shown_at(target), PurePosixPath(place).parent) + match[2]

    return LINK.sub(of_site, markdown)


def _origin(place: str) -> str:
    """The file of the repository that a page of the site shows."""
    return place.removeprefix("source/").removesuffix(".md") if place.startswith("source/") else f"docs/{place}"


def _shown_at(path: str) -> str:
    """Where the site shows a file of the repository."""
    return path.removeprefix("docs/") if path.startswith("docs/") and not path.endswith(".py") else f"source/{path}.md"


def _linked_files() -> set[str]:
    """The files outside of docs/ that its pages link to, and those that these link to."""
    found: set[str] = set()
    waiting = [path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "docs").rglob("*.md")]
    waiting += [path.relative_to(REPOSITORY).as_posix() for pattern in ALWAYS for path in REPOSITORY.glob(pattern)]
    while waiting:
        path = waiting.pop()
        if path in found or not (REPOSITORY / path).is_file():
            continue  # a link that leads nowhere is left to mkdocs to report
        found.add(path)
        if path.endswith(".md"):
            text = (REPOSITORY / path).read_text(encoding="utf-8")
            waiting += [normpath(f"{PurePosixPath(path).parent}/{match[1]}") for match in LINK.finditer(text)]
    return {path for path in found if _shown_at(path).startswith("source/")}


def _shown_file(path: str) -> str:
    """A page that shows a file: Markdown as it is, with its front matter as code; anything else as code."""
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    if not path.endswith(".md"):
        return f"# {path}\n\n{_code(text, 'yaml' if path.endswith('.yaml') else 'text')}"
    front = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    return f"# {path}\n\n{_code(front[1], 'yaml')}\n{text[front.end() :]}" if front else text


def _code(text: str, language: str) -> str:
    return f"~~~~~~ {language}\n{text.rstrip()}\n~~~~~~\n"


def recipe_reference() -> str:
    """Every key of a recipe: what it takes, its default, what it does; from the models of the recipe."""
    schema = recipe_schema()
    sections: dict[str, list[list[str]]] = {}
    for path, node, required in keys(schema, schema, ""):
        if path:
            section, _, name = path.rpartition(".")
            takes = [possible(schema, node), "required" if required else ""]
            if not required and not isinstance(node.get("default", {}), dict):
                takes.append(f"default {shown(node['default'])}")
            row = [f"`{name}`", f"{description(schema, node)} *({', '.join(filter(None, takes))})*"]
            sections.setdefault(section, []).append(row)
    lines = [
        "# Keys of a recipe",
        "",
        "Made from the models that read recipes. `lowres explain KEY` says the same in the terminal, and the"
        " [JSON Schema](../recipe.schema.json) lets editors complete keys.",
    ]
    written: dict[str, str] = {}
    for section, rows in sections.items():
        lines += ["", f"{'##' if '.' not in section else '###'} {section or ROOT}", ""]
        table = _table(["key", "what it does"], rows)
        if table in written:
            lines.append(f"The keys of “{written[table]}”.")
        else:
            lines.append(table)
        written.setdefault(table, section)
    return "\n".join(lines) + "\n"


def command_reference() -> str:
    """Every command with its arguments and options, from the commands themselves."""
    lines = ["# Commands", "", "Made from the commands. `lowres COMMAND --help` says the same in the terminal."]
    for command in COMMANDS:
        context = click.Context(command, info_name=f"lowres {command.name}")
        usage = " ".join(command.collect_usage_pieces(context))
        options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
        records = filter(None, (option.get_help_record(context) for option in options))
        rows = [[f"`{names}`", what] for names, what in records]
        about = inspect.cleandoc(command.help or "").replace("\b\n", "")
        lines += ["", f"## {command.name}", "", _code(f"lowres {command.name} {usage}", "text"), about, ""]
        lines += [_table(["option", "what it does"], rows)] if rows else []
    return "\n".join(lines) + "\n"


def python_reference() -> str:
    """What `import lowres` offers, from its source: nothing heavy is imported for it."""
    lines = ["# Python", "", "What `import lowres` offers; made from its docstrings."]
    for name, (module, thing) in sorted(_ENTRY_POINTS.items(), key=lambda entry: entry[0].casefold()):
        found = _definition(REPOSITORY.joinpath(*module.split(".")), thing)
        lines += ["", f"## lowres.{name}", "", *_described(name, found)]
        for inner in found.body if isinstance(found, ast.ClassDef) else ():
            if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_") and ast.get_docstring(inner):
                lines += ["", f"### {name}.{inner.name}", "", *_described(inner.name, inner)]
    return "\n".join(lines) + "\n"


def _definition(place: Path, name: str) -> ast.FunctionDef | ast.ClassDef:
    """Where a function or a class is defined: in a file, or in a package that imports it from its files."""
    for path in [place.with_suffix(".py")] if place.with_suffix(".py").exists() else sorted(place.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
                return node
    raise LookupError(f"{name} is not defined in {place}")


def _described(name: str, node: ast.FunctionDef | ast.ClassDef) -> list[str]:
    about = ast.get_docstring(node) or ""
    if isinstance(node, ast.ClassDef):
        return [about]
    if any(isinstance(one, ast.Name) and "property" in one.id for one in node.decorator_list):
        return [_code(f"{name} -> {ast.unparse(node.returns)}" if node.returns else name, "python"), about]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    arguments = ast.unparse(node.args).removeprefix("self, ").removeprefix("self")
    return [_code(f"{name}({arguments}){returns}", "python"), about]


def _table(head: list[str], rows: list[list[str]]) -> str:
    cells = [[" ".join(cell.split()).replace("|", "\\|").replace("<", "&lt;") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *cells))
