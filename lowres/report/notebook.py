"""The summary of a run for a notebook: a few lines and one table, without scripts or anything from elsewhere."""

from html import escape

from lowres.record import Record
from lowres.report.formatting import interval, number, visible
from lowres.report.verdict import answering
from lowres.score import overall

STYLE = "text-align:left;padding:0.15em 1em 0.15em 0"


def summary_html(record: Record, folder: str) -> str:
    """What the run is, the primary metric of it and of the others, and the verdict; the whole stands in the report in `folder`."""
    plan, data = record.plan, record.data
    about = [f"{plan.task}, {plan.base}, {plan.method}"] if plan else []
    about += (
        [f"{data.name} ({data.licence}), {', '.join(data.languages[:6])}{' …' if len(data.languages) > 6 else ''}"]
        if data
        else []
    )
    systems = [(record.recipe.name, record.scores), *((other.name, other.scores) for other in record.ranked)]
    rows = []
    for name, scores in systems:
        score = overall(scores, record.primary_metric)
        if score:
            cells = (name, number(score.value, score.digits), interval(score.low, score.high, score.digits))
            rows.append("<tr>" + "".join(f'<td style="{STYLE}">{_text(cell)}</td>' for cell in cells) + "</tr>")
    head = "".join(f'<th style="{STYLE}">{_text(one)}</th>' for one in ("", record.primary_metric, "interval"))
    table = f"<table><tr>{head}</tr>{''.join(rows)}</table>" if rows else ""
    words = [*answering(record), *([f"{record.transfer.verdict}: {record.transfer.why}"] if record.transfer else [])]
    warnings = sum(finding.level == "warning" for finding in (*record.findings, *(data.findings if data else ())))
    words += [f"{warnings} warning{'s' if warnings > 1 else ''}, see the report"] if warnings else []
    state = "" if record.status == "done" else f" ({record.status})"
    lines = "".join(f"<div>{_text(line)}</div>" for line in [*about, *words, f"{folder}: report.html"])
    return f"<div><strong>{_text(record.recipe.name + state)}</strong>{table}{lines}</div>"


def _text(text: str) -> str:
    return escape(visible(text))
