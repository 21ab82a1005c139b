"""The documentation as a site: whole by itself, and its reference names every key and every option."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import rich_click as click

from lowres.cli import COMMANDS
from lowres.recipe.schema import recipe_schema

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a page outside the navigation or a link that leads nowhere fails."""
    pytest.importorskip("material", reason="mkdocs-material is not installed: pip install lowres[docs]")
    folder = tmp_path_factory.mktemp("site")
    answer = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return folder


class Loaded(HTMLParser):
    """What a page loads by itself: scripts, styles, pictures, fonts; and the texts of its code."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.code: set[str] = set()
        self.in_code = False
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        facts = dict(attrs)
        if tag != "a" and (address := facts.get("src") or facts.get("href")) and facts.get("rel") != "canonical":
            self.addresses.append(address)
        self.in_code = tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self.in_code = False

    def handle_data(self, data: str) -> None:
        if self.in_code:
            self.code |= {data, *data.replace(",", " ").split()}


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 60
    for page in pages:
        for address in Loaded(page).addresses:
            assert "//" not in address, f"{page.relative_to(site)} loads {address}"
            if not address.startswith(("data:", "#")) and page.name != "404.html":
                assert (page.parent / address.partition("?")[0]).resolve().exists(), address
    for style in site.rglob("*.css"):
        assert "url(http" not in style.read_text(encoding="utf-8")


def test_every_page_of_the_repository_is_a_page_of_the_site(site: Path) -> None:
    docs = ROOT / "docs"
    for page in docs.rglob("*.md"):
        name = page.relative_to(docs).with_suffix(".html")
        assert (site / name.with_name("index.html" if page.stem == "README" else name.name)).exists()
    for recipe in (ROOT / "recipes").glob("*.yaml"):
        assert (site / "source" / "recipes" / f"{recipe.name}.html").exists()
    assert not list(site.rglob("*.py"))


def keys_of(node: Any) -> set[str]:
    """The names of all properties anywhere in a schema."""
    if isinstance(node, list):
        return set().union(*map(keys_of, node))
    if not isinstance(node, dict):
        return set()
    return set(node.get("properties", ())) | set().union(*map(keys_of, node.values()))


def test_the_reference_names_every_key_of_a_recipe(site: Path) -> None:
    assert keys_of(recipe_schema()) <= Loaded(site / "reference" / "recipe.html").code


def test_the_reference_names_every_option_of_every_command(site: Path) -> None:
    page = site / "reference" / "commands.html"
    options = {
        name
        for command in COMMANDS
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
        for name in option.opts
    }
    assert options <= Loaded(page).code
    text = page.read_text(encoding="utf-8")
    assert not [command.name for command in COMMANDS if f'id="{command.name}"' not in text]


def test_the_reference_shows_what_lowres_offers_in_python(site: Path) -> None:
    text = (site / "reference" / "python.html").read_text(encoding="utf-8")
    assert not [anchor for anchor in ("lowresload", "lowresrun_1", "runpredict") if f'id="{anchor}"' not in text]
