"""Exports of annotation tools: Label Studio's tasks, and doccano's older forms."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

# Results of Label Studio that are one text or choice: type → where its value stands.
RESULTS: Mapping[str, str] = {"choices": "choices", "textarea": "text", "rating": "rating", "number": "number"}
DISAGREED = "on which annotators disagree"


def is_label_studio(values: Sequence[Any]) -> bool:
    """Whether JSON values are tasks of Label Studio, with annotations inside."""
    return bool(values) and all(
        isinstance(value, dict)
        and isinstance(value.get("data"), dict)
        and ("annotations" in value or "completions" in value)
        for value in values
    )


def label_studio_row(task: Mapping[str, Any]) -> tuple[dict[str, str], bool]:
    """The columns of a task, and whether its annotators agree.

    They are `id`, what the task shows, and one column for each control of the labelling page; cancelled annotations do not count.
    """
    shown = {key: _text(value) for key, value in task["data"].items() if not isinstance(value, dict | list)}
    answers: dict[str, Counter[str]] = {}
    for annotation in task.get("annotations", task.get("completions")) or ():
        if annotation.get("was_cancelled"):
            continue
        for result in annotation.get("result") or ():
            place = RESULTS.get(result.get("type", ""))
            value = (result.get("value") or {}).get(place) if place else None
            if value is not None:
                given = ", ".join(map(_text, value)) if isinstance(value, list) else _text(value)
                answers.setdefault(str(result.get("from_name") or place), Counter())[given] += 1
    chosen = {name: next(iter(counts)) for name, counts in answers.items()}
    return {"id": _text(task.get("id", "")), **shown, **chosen}, all(len(counts) < 2 for counts in answers.values())


def label_studio_choices(tasks: Sequence[Mapping[str, Any]]) -> set[str]:
    """The names of the controls with which annotators choose labels."""
    return {
        str(result.get("from_name"))
        for task in tasks
        for annotation in task.get("annotations", task.get("completions")) or ()
        for result in annotation.get("result") or ()
        if result.get("type") == "choices"
    }


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
