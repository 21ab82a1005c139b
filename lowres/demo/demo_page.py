"""The page itself, with gradio: fields and buttons over `answers` and `corrections`, and nothing else."""

import threading
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr

from lowres.demo.answer_html import about, answer_html, kept_html, problems_html
from lowres.demo.answers import answer, labels_of, languages_of
from lowres.demo.corrections import CONSENT, LONGEST_NAME, LONGEST_TEXT, Agreement, Corrections
from lowres.errors import LowresError, Problem
from lowres.evaluation.estimator import LEVEL
from lowres.report.formatting import language_of
from lowres.runs.run import Run

ARROW = "→"
TEXT, RIGHT = "Text", "The right translation"
LOCAL, NETWORK = "127.0.0.1", "0.0.0.0"


def demo_page(run: Run, corrections: Corrections) -> gr.Blocks:
    """The page of a run, whose corrections are kept there."""
    choices = [ARROW.join(languages) for languages in languages_of(run)]
    labels, translates = labels_of(run), corrections.task == "translation"
    verb = "Translate" if translates else "Classify"
    level = run.record.confidence.level if run.record.confidence else LEVEL
    one_at_a_time = threading.Lock()

    def ask(text: str, choice: str) -> tuple[str, Any, tuple[str, str, str]]:
        try:
            with one_at_a_time:
                found = answer(run, text[:LONGEST_TEXT], tuple(choice.split(ARROW)))
        except LowresError as error:
            return problems_html(error.problems), gr.skip(), ("", "", "")
        first = found.suggestions[0].text if found.suggestions else None
        return answer_html(found, level), first, (text, choice, first or "")

    def keep(
        text: str, choice: str, right: str | None, said: tuple[str, str, str], by: str, licence: str, agreed: bool
    ) -> str:
        if said[0] and said[:2] != (text, choice):
            changed = Problem("text", "has been changed since", f"press {verb} again, then correct the new answer")
            return problems_html([changed])
        agreement = Agreement(by, licence, agreed)
        try:
            count = corrections.add(tuple(choice.split(ARROW)), text, right or "", said[2], agreement)
        except LowresError as error:
            return problems_html(error.problems)
        except OSError as error:
            unwritten = Problem("correction", f"could not be written: {error.strerror}", "tell those who run this page")
            return problems_html([unwritten])
        return kept_html(count)

    def change(choice: str) -> list[Any]:
        """The fields in the languages of this choice; an answer in other languages is no longer shown."""
        source, target = _ends(choice)
        right = gr.Textbox(value="", **_written(RIGHT, target)) if translates else None
        return [gr.Textbox(**_written(TEXT, source)), right, "", ("", "", "")]

    page = gr.Blocks(title=run.record.recipe.name, analytics_enabled=False)
    with page:
        gr.HTML(about(run))
        name = "Direction" if translates else "Language"
        choice = gr.Dropdown(
            [(language_of(one).name, one) for one in choices], value=choices[0], label=name, visible=len(choices) > 1
        )
        source, target = _ends(choices[0])
        text = _field(TEXT, source)
        ask_button = gr.Button(verb, variant="primary")
        shown = gr.HTML(elem_id="answer")
        said = gr.State(("", "", ""))
        with gr.Accordion("Correct it", open=True):
            right = (
                _field(RIGHT, target) if translates else gr.Dropdown(list(labels), value=None, label="The right label")
            )
            by = gr.Textbox(label="Name or pseudonym", max_length=LONGEST_NAME)
            licence = gr.Dropdown(list(CONSENT), value="private", label="Licence")
            agreed = gr.Checkbox(label=CONSENT["private"], value=False, container=False)
            keep_button = gr.Button("Keep the correction")
            kept = gr.HTML(elem_id="kept")
        for trigger in (ask_button.click, text.submit):
            _on(trigger, ask, [text, choice], [shown, right, said])
        _on(choice.change, change, [choice], [text, right, shown, said])
        _on(licence.change, lambda name: gr.Checkbox(label=CONSENT[name], value=False), [licence], [agreed])
        _on(keep_button.click, keep, [text, choice, right, said, by, licence, agreed], [kept])
    return page


def serve(page: gr.Blocks, port: int | None, *, on_network: bool) -> str:
    """Serve a page until it is closed, and return its address. Nothing can be uploaded, and nothing is asked of the outside."""
    page.queue(default_concurrency_limit=4, max_size=32)
    _, address, _ = page.launch(
        server_name=NETWORK if on_network else LOCAL, server_port=port, share=False, inbrowser=False, prevent_thread_lock=True,
        quiet=True, footer_links=[], max_file_size=1, ssr_mode=False, enable_monitoring=False, pwa=False, mcp_server=False,
        theme=_theme(),
        css=files("lowres.demo").joinpath("demo.css").read_text(encoding="utf-8"),
    )  # fmt: skip
    return str(address)


def _theme() -> Any:
    """The fonts of the device, and a green on which white letters can be read (5.5 : 1)."""
    plain = gr.themes.Base(
        font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"], primary_hue="teal"
    )
    dark, darker = "*primary_700", "*primary_800"
    return plain.set(
        button_primary_background_fill=dark, button_primary_background_fill_dark=dark,
        button_primary_background_fill_hover=darker, button_primary_background_fill_hover_dark=darker,
        checkbox_background_color_selected=dark, checkbox_background_color_selected_dark=dark,
    )  # fmt: skip


def _on(trigger: Callable[..., Any], function: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
    trigger(function, inputs, outputs, api_visibility="private", show_progress="minimal")


def _ends(choice: str) -> tuple[str, str]:
    """The languages of the two fields."""
    source, _, target = choice.partition(ARROW)
    return source, target or source


def _field(name: str, tag: str) -> Any:
    return gr.Textbox(lines=3, max_lines=12, max_length=LONGEST_TEXT, **_written(name, tag))


def _written(name: str, tag: str) -> dict[str, Any]:
    """How a field shows a language: its name, its direction, and its tag for fonts and spelling."""
    spoken = language_of(tag)
    attributes = gr.InputHTMLAttributes(lang=spoken.bcp47)
    return {"label": f"{name} ({spoken.name})", "rtl": spoken.direction == "rtl", "html_attributes": attributes}


def beside(run: Path) -> Path:
    """The folder of the corrections of a run, beside it."""
    name = f"{run.resolve().name}-corrections"
    return run.resolve().with_name(name) if run.name in ("", "..") else run.with_name(name)
