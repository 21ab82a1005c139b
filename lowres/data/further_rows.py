"""Further rows that a recipe names: those of the stages before the task, plain texts, and parallel texts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lowres.cards import read_card
from lowres.cards.licences import SPDX
from lowres.data.corpus import Corpus, Row
from lowres.data.fresh_rows import labelled, read_split, reasons
from lowres.data.rows import limited
from lowres.errors import DataError, Finding, Problem
from lowres.languages.likeness import likeness
from lowres.places import Places
from lowres.recipe.data_section import CardData, Data, Source
from lowres.recipe.sections import Recipe, RowsStage
from lowres.recipe.task_section import Classification, PreTraining, Task, Translation


def with_further_rows(corpus: Corpus, recipe: Recipe, places: Places) -> Corpus:
    """The corpus with the rows of each stage and with plain texts, and with their licences.

    No row is among them whose text, or eight words of it, stand in dev or test, nor a translation of such a row. Raises CardError or
    DataError, also where a stage has a label that the task does not have, or no row at all.
    """
    found = _Further(corpus, places, recipe.training.seed, [], [corpus.licence])
    plain: Task = PreTraining(kind="pre-training")
    translation: Task = Translation(kind="translation", source="all", target="all")
    stages = []
    for number, stage in enumerate(recipe.first, start=1):
        where = f"first, item {number}.data"
        supervised = isinstance(stage, RowsStage)
        rows = found.rows(stage.data, recipe.task if supervised else plain, where) if stage.data is not None else ()
        if isinstance(stage, RowsStage) and stage.nearest is not None:
            rows = found.nearest(rows, stage.nearest, where)
        if not rows and supervised:
            raise DataError(Problem(where, "has no training rows", "name data that have some"))
        stages.append(rows)
    centre, parallel = recipe.base.centre, getattr(recipe.task, "parallel", None)
    return replace(
        corpus,
        stages=tuple(stages),
        plain=found.rows(centre, plain, "base.centre") if centre is not None else (),
        parallel=found.rows(parallel, translation, "task.parallel") if parallel is not None else (),
        licence=" + ".join(dict.fromkeys(found.licences)),
        findings=(*corpus.findings, *found.findings),
    )


@dataclass(frozen=True)
class _Further:
    """Reads further rows beside those of a corpus; collects what is found out about them, and their licences."""

    corpus: Corpus
    places: Places
    seed: int
    findings: list[Finding]
    licences: list[str]

    def rows(self, data: Data, task: Task, where: str) -> tuple[Row, ...]:
        """The training rows of these data, with labels if the task has any."""
        kept: list[Row] = []
        for source in data if isinstance(data, tuple) else (data,):
            source = source.model_copy(update={"use": ("train",)})  # else a tenth of a train file would be set aside
            samples, _ = read_split(source, task, "train", self.places)
            if isinstance(task, Classification):
                samples = labelled(samples, self.corpus.labels)
            known = reasons(samples, (*self.corpus.dev, *self.corpus.test))
            if left := sum(reason is not None for reason in known):
                what = (
                    f"{left:,} of {len(samples):,} rows stand in dev or test, or translate such a row, and are left out"
                )
                self.findings.append(Finding("note", what, where))
            free = [sample for sample, reason in zip(samples, known, strict=True) if reason is None]
            kept += [sample.row for sample in limited(free, source.limit, self.seed)]
            self.licences.append(_licence(source, self.places))
        return tuple(kept)

    def nearest(self, rows: Sequence[Row], count: int, where: str) -> tuple[Row, ...]:
        """The rows of the `count` languages written most like the training texts, of which none is the task's own."""
        own = set(self.corpus.languages)
        texts: dict[str, list[str]] = {}
        for row in rows:
            if row.language not in own:
                texts.setdefault(row.language, []).append(row.fields["text"])
        mine = [row.fields["text"] for row in self.corpus.train]
        alike = {tag: likeness(mine, found).trigrams for tag, found in texts.items()}
        ranked = sorted(alike, key=lambda tag: (-alike[tag], tag))
        listed = ", ".join(f"{tag} {alike[tag]:.0f}" for tag in ranked[:count])
        left = f"; {len(ranked) - count} left out" if len(ranked) > count else ""
        self.findings.append(Finding("note", f"written most like the training texts (0–100): {listed}{left}", where))
        return tuple(row for row in rows if row.language in ranked[:count])


def _licence(source: Source, places: Places) -> str:
    """The licence of the data of a source."""
    if isinstance(source, CardData):
        named = read_card(source.card, places.near).license
        return SPDX.get(named, named)
    return source.licence
