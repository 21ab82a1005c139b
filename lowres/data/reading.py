"""read_corpus(): from a recipe's data section to rows in three splits."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from lowres.data.card_data import from_card
from lowres.data.checks.contamination import Left, without_contamination
from lowres.data.checks.data_audit import audit
from lowres.data.checks.pair_checks import check_pairs, one_for_many
from lowres.data.checks.stand_ins import blank_sides, without_stand_ins
from lowres.data.corpus import SPLITS, Corpus, LabelledRows, Split
from lowres.data.formats.damage import damage_findings
from lowres.data.formats.tables import Table, capped
from lowres.data.labels import Labelled, checked_labels
from lowres.data.rows import (
    Part,
    Sample,
    count_files,
    crossing_clusters,
    limited,
    take_rows,
)
from lowres.data.source_tables import SourceTables
from lowres.data.user_data import from_files, from_hub
from lowres.errors import DataError, Finding, LowresError, Problem
from lowres.garbage import without_cycle_search
from lowres.languages import language
from lowres.places import Places
from lowres.recipe.data_section import CardData, Data, FileData, Source
from lowres.recipe.task_section import Classification, Task, Translation

TRAIN_ONLY: tuple[Split, ...] = ("train",)


@without_cycle_search()
def read_corpus(
    data: Data,
    task: Task,
    places: Places,
    seed: int,
) -> Corpus:
    """Read and check the rows of a recipe's `data` section. Each has the field `text`, for classification also `label`.

    `seed` chooses the rows that `data.limit` keeps. Raises CardError or DataError with all problems of a stage at once.
    """
    sources = data if isinstance(data, tuple) else (data,)
    _check_heads(sources, task)
    read = [
        _source_tables(source, task, places, number if len(sources) > 1 else 0)
        for number, source in enumerate(sources, 1)
    ]
    _check_languages(task, [part for tables in read for part in tables.parts])
    read = [_of_the_task(task, tables) for tables in read]
    parts = [part for tables in read for part in tables.parts]
    samples = take_rows(parts)
    crossing = list(crossing_clusters(samples))
    if crossing:
        raise DataError(*capped(crossing))
    translates = isinstance(task, Translation)
    samples, stand_ins = without_stand_ins(samples) if translates else (samples, ())
    repeated = tuple(one_for_many(task, samples)) if isinstance(task, Translation) else ()
    left = without_contamination(samples, parts, whole_clusters=translates)
    samples = [
        sample
        for source, taken in zip(sources, _by_entry(left.samples, read), strict=True)
        for sample in limited(taken, source.limit, seed, pairs=translates)
    ]
    whole = _merged(read)
    others = [sample for sample in samples if parts[sample.part].head]
    samples = [sample for sample in samples if not parts[sample.part].head]
    _refuse_empty_splits(samples, whole)
    labelled = Labelled(tuple(samples), ())
    auxiliary: dict[str, LabelledRows] = {}
    if isinstance(task, Classification):
        auxiliary = _auxiliary(others, parts)
        labelled = checked_labels(samples, task.labels or whole.labels)
        _refuse_empty_splits(labelled.samples, whole)
    samples = list(labelled.samples)
    rows = {split: tuple(sample.row for sample in samples if sample.split == split) for split in SPLITS}
    files = count_files(parts, [*samples, *others])
    blank = tuple(blank_sides(parts))
    findings = (
        *whole.findings,
        *_of_files(parts),
        *(check_pairs(task, samples, blank) if isinstance(task, Translation) else ()),
        *stand_ins,
        *repeated,
        *blank,
        *labelled.findings,
        *_left_out(parts, left, sum(file.empty for file in files)),
        *_thin_subsets([*samples, *others], parts),
        *audit(samples, labelled.labels, repeats=not translates),
    )
    return Corpus(
        name=whole.name,
        train=rows["train"],
        dev=rows["dev"],
        test=rows["test"],
        labels=labelled.labels,
        licence=whole.licence,
        citation=whole.citation,
        homepage=whole.homepage,
        files=files,
        findings=tuple(sorted(dict.fromkeys(findings), key=lambda finding: finding.level != "warning")),
        auxiliary=auxiliary,
    )


def source_rows(source: Source, task: Task, places: Places) -> tuple[list[Sample], tuple[Finding, ...]]:
    """The rows of one source as they are, and findings about them. Splits may be missing, and nothing is left out.

    Raises CardError or DataError.
    """
    tables = _source_tables(source, task, places, 0)
    samples = take_rows(tables.parts)
    return samples, (*tables.findings, *_of_files(tables.parts), *audit(samples, (), repeats=False))


def _check_heads(sources: Sequence[Source], task: Task) -> None:
    """Auxiliary heads are for classification, and need a source for the task's own head before them."""
    named = [source.head for source in sources if source.head]
    if named and not isinstance(task, Classification):
        raise DataError(Problem("data.head", f"is for classification, not for {task.kind}", "leave it out"))
    if sources[0].head:
        raise DataError(
            Problem("data.head", "the first source is the task's own", "name it without a head, before the others")
        )


def _auxiliary(samples: Sequence[Sample], parts: Sequence[Part]) -> dict[str, LabelledRows]:
    """The training rows of each auxiliary head, with their labels checked."""
    found: dict[str, LabelledRows] = {}
    for head in dict.fromkeys(part.head for part in parts if part.head):
        some = [sample for sample in samples if parts[sample.part].head == head]
        if not some:
            what = f"no training row is left for the head “{head}”"
            raise DataError(
                Problem("data.head", what, "all its texts are also in dev or test, or it names no training file")
            )
        labelled = checked_labels(some, None)
        found[head] = LabelledRows(labelled.labels, tuple(sample.row for sample in labelled.samples))
    return found


def _source_tables(source: Source, task: Task, places: Places, entry: int) -> SourceTables:
    """The tables of one source, without splits that the recipe does not use; `entry` is its number in a mixture, else 0."""
    if isinstance(source, CardData):
        tables = from_card(source, task, places)
    elif isinstance(source, FileData):
        tables = from_files(source, task, places.near)
    else:
        tables = from_hub(source, task, places)
    use = source.use if source.head is None else TRAIN_ONLY
    parts = [
        replace(
            part,
            entry=f"{entry}:" if entry else "",
            use=tuple(split for split in part.use if split in use),
            head=source.head or "",
            decontaminated=source.contaminated == "leave-out",
        )
        for part in tables.parts
        if not isinstance(part.split, str) or part.split in use
    ]
    return replace(tables, parts=tuple(parts))


def _by_entry(samples: Sequence[Sample], read: Sequence[SourceTables]) -> Iterator[list[Sample]]:
    """The samples of each source of a mixture."""
    start = 0
    for tables in read:
        stop = start + len(tables.parts)
        yield [sample for sample in samples if start <= sample.part < stop]
        start = stop


def _merged(read: Sequence[SourceTables]) -> SourceTables:
    """All sources as one, with every licence and every citation."""

    def all_of(values: Iterable[str], between: str) -> str:
        return between.join(dict.fromkeys(value for value in values if value))

    return SourceTables(
        name=all_of((tables.name for tables in read), " + "),
        parts=tuple(part for tables in read for part in tables.parts),
        licence=all_of((tables.licence for tables in read), " + "),
        labels=read[0].labels,
        citation=all_of((tables.citation for tables in read), " "),
        homepage=all_of((tables.homepage for tables in read), " "),
        findings=tuple(finding for tables in read for finding in tables.findings),
    )


def _of_the_task(task: Task, tables: SourceTables) -> SourceTables:
    """Without the languages that the task translates neither from nor into."""
    if not isinstance(task, Translation) or "all" in (task.source, task.target):
        return tables
    named = {tag for _, tag in _task_languages(task)}
    return replace(tables, parts=tuple(part for part in tables.parts if part.language in named))


def _check_languages(task: Task, parts: Sequence[Part]) -> None:
    """Every tag of the data must be a language's, and the data must hold the task's languages."""
    tags = tuple(dict.fromkeys(part.language for part in parts))
    problems = []
    for tag in tags:
        try:
            language(tag)
        except LowresError as error:
            problems += [Problem("data", problem.what, problem.hint) for problem in error.problems]
    for key, wanted in _task_languages(task):
        if wanted not in tags:
            what = f"the recipe says {wanted}, but the data are in {', '.join(tags[:12])}"
            remedy = (
                "leave it out, or choose other data"
                if key == "task.language"
                else "choose other languages, or other data"
            )
            problems.append(Problem(key, what, remedy))
    if problems:
        raise DataError(*problems)


def _task_languages(task: Task) -> Iterator[tuple[str, str]]:
    """The languages that the task names, each with its key in the recipe."""
    if not isinstance(task, Translation):
        if task.language is not None:
            yield "task.language", task.language
        return
    for key, tags in (("task.source", task.source), ("task.target", task.target)):
        if tags != "all":
            yield from ((key, tag) for tag in ((tags,) if isinstance(tags, str) else tags))


def _refuse_empty_splits(samples: Sequence[Sample], tables: SourceTables) -> None:
    filled = {sample.split for sample in samples}
    problems = []
    for split in SPLITS:
        if split not in filled:
            own = [part for part in tables.parts if part.split == split]
            names = ", ".join(dict.fromkeys(part.table.name for part in own))
            blank = {
                part.roles.text: None
                for part in own
                if part.table.records and not any(record.fields[part.roles.text] for record in part.table.records)
            }
            what = f"has no {split} rows"
            rows = {id(part.table): part.table for part in own or tables.parts}.values()
            gone = sum(table.empty + table.outside for table in rows)
            if blank:
                what = f"has no {split} rows: the column “{'” and “'.join(blank)}” is empty"
            elif gone:
                total = sum(table.read for table in rows)
                reasons = dict.fromkeys(reason for table in rows for reason in table.notes)
                why = ", ".join(("empty", *reasons) if any(table.empty for table in rows) else reasons)
                what = f"has no {split} rows: of {total:,} rows {gone:,} were left out ({why})"
            problems.append(Problem(names or tables.name, what, "each of train, dev and test needs some"))
    if problems:
        raise DataError(*problems)


def _thin_subsets(samples: Sequence[Sample], parts: Sequence[Part]) -> Iterator[Finding]:
    """Subsets without any row in one of the splits that are used."""
    filled = {(sample.split, sample.subset) for sample in samples}
    used: dict[str, tuple[Split, ...]] = {}
    for part in parts:
        used.setdefault(part.subset, part.use)
    for subset, splits in used.items():
        empty = [split for split in splits if (split, subset) not in filled]
        if empty:
            yield Finding("warning", f"the subset {subset} has no rows in {' and '.join(empty)}")


def _of_files(parts: Sequence[Part]) -> Iterator[Finding]:
    """How files were read where that is in doubt, and which texts are damaged in the columns that are used; each once."""
    yield from dict.fromkeys(finding for part in parts for finding in part.table.findings)
    columns: dict[str, dict[int, Table]] = {}
    for part in parts:
        for column in (part.roles.text, part.roles.label, part.roles.answer):
            if column:
                columns.setdefault(column, {})[id(part.table)] = part.table
    for column, tables in columns.items():
        yield from damage_findings(column, (table.damage.get(column, {}) for table in tables.values()))


def _left_out(parts: Sequence[Part], left: Left, empty: int) -> Iterator[Finding]:
    """What was left out of the tables, or changed in them."""
    reasons = {
        "whose text is in a later split": left.same_text,
        "that share eight words in a row with a later split of other data": left.same_words,
        "that translate one of these": left.with_cluster,
    }
    tables = {id(part.table): part.table for part in parts}.values()
    for table in tables:
        for reason, count in table.notes.items():
            reasons[reason] = reasons.get(reason, 0) + count
    reasons["empty"] = empty
    reasons = {reason: count for reason, count in reasons.items() if count}
    if reasons:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
        yield Finding("note", f"rows left out: {counts}")
    converted = sum(table.converted for table in tables)
    if converted:
        yield Finding("note", f"{converted:,} texts were not in Unicode's NFC and were converted")
