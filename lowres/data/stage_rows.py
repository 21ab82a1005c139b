"""The training rows of the stages that come before the task."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lowres.cards import read_card
from lowres.cards.licences import SPDX
from lowres.data.corpus import Corpus, Row
from lowres.data.fresh_rows import labelled, read_split, reasons
from lowres.errors import DataError, Finding, Problem
from lowres.places import Places
from lowres.recipe.sections import CardData, PreTraining, RowsStage, Source, Stage, Task


def with_stages(corpus: Corpus, first: Sequence[Stage], task: Task, places: Places) -> Corpus:
    """The corpus with the rows of each stage, and with their licences.

    No row is among them whose text, or eight words of it, stand in dev or test.
    Raises CardError or DataError, also where a stage has a label that the task does not have, or no row at all.
    """
    stages: list[tuple[Row, ...]] = []
    licences = [corpus.licence]
    findings: list[Finding] = []
    for number, stage in enumerate(first, start=1):
        where = f"first, item {number}.data"
        rows: list[Row] = []
        for source in _sources(stage):
            rows += _rows_of(source, stage, where, corpus, task, places, findings)
            licences.append(_licence(source, places))
        if not rows and (isinstance(stage, RowsStage) or not corpus.train):
            raise DataError(Problem(where, "has no training rows", "name data that have some"))
        stages.append(tuple(rows))
    licence = " + ".join(dict.fromkeys(licences))
    return replace(corpus, stages=tuple(stages), licence=licence, findings=(*corpus.findings, *findings))


def _sources(stage: Stage) -> Iterator[Source]:
    if stage.data is not None:
        for source in stage.data if isinstance(stage.data, tuple) else (stage.data,):
            yield source.model_copy(update={"use": ("train",)})  # else a tenth of a train file would be set aside


def _licence(source: Source, places: Places) -> str:
    if isinstance(source, CardData):
        named = read_card(source.card, places.near).license
        return SPDX.get(named, named)
    return source.licence


def _rows_of(
    source: Source, stage: Stage, where: str, corpus: Corpus, task: Task, places: Places, findings: list[Finding]
) -> list[Row]:  # fmt: skip
    """The rows of one source that the stage may use; what was left out is added to the findings."""
    supervised = isinstance(stage, RowsStage)
    samples, _ = read_split(source, task if supervised else PreTraining(kind="pre-training"), "train", places)
    if supervised:
        samples = labelled(samples, corpus.labels)
    known = reasons(samples, (*corpus.dev, *corpus.test))
    if left := sum(reason is not None for reason in known):
        what = f"{left:,} of {len(samples):,} rows of a stage stand in dev or test, or translate such a row, and are left out"
        findings.append(Finding("note", what, where))
    return [sample.row for sample, reason in zip(samples, known, strict=True) if reason is None]
