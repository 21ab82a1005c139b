"""Translation on other data than NusaX: NLLB-Seed, MAFAND-MT and TICO-19, adapted from the starter translator.

    python benchmarks/translation_families.py --mirror FOLDER --out runs/families

NLLB-Seed has no test part and TICO-19 no training part, so models trained on NLLB-Seed are tested on NusaX, and those tested on
TICO-19 are trained on MAFAND-MT. The starter was trained on Acehnese and Balinese of NLLB-Seed; Luganda, Wolof and Hausa were never
among its targets. A sample of each card's pairs is written into files beside the runs, after misaligned lines and training examples
that contaminate a test part were left out. Do not pass these files on: the licence of MAFAND-MT forbids it. Finished runs are kept
and not repeated; the table has those that are finished.
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from carrying import carry_out, done

from lowres.data.corpus import SPLITS
from lowres.data.pairs import Pair, pairs
from lowres.planning import Options, read_data
from lowres.recipe import RecipeFile, open_recipe
from lowres.record import Comparison, Record
from lowres.runs.layout import RECORD
from lowres.runs.run import read_record
from lowres.score import Score

ALL_PAIRS = """\
lowres: 2
name: all pairs
task: {{kind: translation, source: {source}, target: {target}}}
data:
  - {{card: {train}, use: [train]}}
  - {{card: {tested}, use: [dev, test]}}
base: {{name: starter:translation}}
training: {{seed: {seed}}}
"""
SAMPLE = """\
lowres: 2
name: {name}
task: {{kind: translation, source: {source}, target: {target}}}
data:
  files: {files}
  licence: {licence}
  source: {origin}
base: {{name: starter:translation}}
vocabulary: {{extend: off, trim: used}}
method: {{kind: full, encoder_rate: 0.1}}
training: {{epochs: {epochs}, batch_tokens: 4000, learning_rate: 0.0015, max_length: 220, seed: {seed}}}
decoding: {{beams: 2}}
"""
BASELINES = {"copy": "copy", "dictionary": "word dictionary"}  # column → its name in the record
PARTS = {"phrase table": "phrase table alone", "model": "model alone"}


@dataclass(frozen=True)
class Family:
    """A direction, and the cards with their subsets that it is trained and tested on."""

    name: str
    source: str
    target: str
    train: str
    tested: str

    @property
    def slug(self) -> str:
        return f"{self.name}-{self.source[:3]}-{self.target[:3]}".lower()


FAMILIES = (
    Family("NLLB-Seed", "eng-Latn", "ace-Latn", "nllb-seed, subset: ace", "nusax-sentiment, subset: [eng, ace]"),
    Family("NLLB-Seed", "ban-Latn", "eng-Latn", "nllb-seed, subset: ban", "nusax-sentiment, subset: [eng, ban]"),
    Family("MAFAND-MT", "eng-Latn", "lug-Latn", "mafand, subset: lug", "mafand, subset: lug"),
    Family("MAFAND-MT", "fra-Latn", "wol-Latn", "mafand, subset: wol", "mafand, subset: wol"),
    Family("TICO-19", "eng-Latn", "hau-Latn", "mafand, subset: hau", "tico19, subset: eng-hau"),
    Family("TICO-19", "lug-Latn", "eng-Latn", "mafand, subset: lug", "tico19, subset: eng-lug"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/families"))
    parser.add_argument("--train", type=int, default=1200, help="training pairs at most")
    parser.add_argument("--dev", type=int, default=100, help="dev pairs at most")
    parser.add_argument("--test", type=int, default=300, help="test pairs at most")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--only", nargs="+", default=[], help="directions such as eng-Latn→lug-Latn, or families")
    parser.add_argument("--table", action="store_true", help="run nothing")
    asked = parser.parse_args()
    chosen = [one for one in FAMILIES if not asked.only or {one.name, f"{one.source}→{one.target}"} & set(asked.only)]
    folders = {
        family: asked.out / f"{family.slug}-{asked.train}-{asked.test}-{asked.epochs}-{asked.seed}" for family in chosen
    }
    for family, folder in folders.items():
        if not asked.table and not done(folder):
            carry_out(sample(family, folder, asked), folder, [])
    records = {family: read_record(folder / RECORD) for family, folder in folders.items() if done(folder)}
    for measure in ("chrF++", "BLEU"):
        print("\n".join(["", *table(records, measure)]), flush=True)


def sample(family: Family, folder: Path, asked: argparse.Namespace) -> str:
    """Write the pairs of a run into files beside it, and return its recipe."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    whole = folder.with_name(f"{folder.name}-whole.yaml")
    text = ALL_PAIRS.format(
        source=family.source, target=family.target, train=family.train, tested=family.tested, seed=asked.seed
    )
    whole.write_text(text, encoding="utf-8")
    file: RecipeFile = open_recipe(whole)
    corpus = read_data(file, Options(mirrors=(asked.mirror,)))
    sizes, files = {"train": asked.train, "dev": asked.dev, "test": asked.test}, {}
    for split, rows in zip(SPLITS, (corpus.train, corpus.dev, corpus.test), strict=True):
        found = pairs(rows, [(family.source, family.target)])
        numbers = random.Random(f"{asked.seed} {split}").sample(range(len(found)), min(sizes[split], len(found)))
        files[split] = f"{folder.name}.{split}.jsonl"
        write(folder.with_name(files[split]), [found[number] for number in sorted(numbers)])
    return SAMPLE.format(
        name=f"{family.name} {family.source} to {family.target}", source=family.source, target=family.target,
        files=json.dumps(files), licence=json.dumps(corpus.licence), origin=json.dumps(f"a sample of {corpus.name}"),
        epochs=asked.epochs, seed=asked.seed,
    )  # fmt: skip


def write(path: Path, chosen: Sequence[Pair]) -> None:
    lines = [{"source": pair.source.fields["text"], "target": pair.target.fields["text"]} for pair in chosen]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def table(records: dict[Family, Record], measure: str) -> Iterator[str]:
    """One line per direction; for chrF++ also the paired comparison with the better baseline."""
    names = [*BASELINES, *PARTS, "run"]
    last = ["difference to the better baseline [95 %], p", "seconds"] if measure == "chrF++" else []
    yield f"| {measure} | direction | training pairs | " + " | ".join([*names, *last]) + " |"
    yield "|---" * (3 + len(names) + len(last)) + "|"
    for family, record in records.items():
        systems = systems_of(record, measure)
        cells = [family.name, f"{family.source}→{family.target}", f"{training_pairs(record):,}"]
        cells += [show(systems[name]) if name in systems else "–" for name in names]
        if last:
            cells += [verdict(record), f"{sum(record.cost.seconds.values()) if record.cost else 0:.0f}"]
        yield f"| {' | '.join(cells)} |"


def systems_of(record: Record, measure: str) -> dict[str, Score]:
    """The overall score of every system. Where the run uses the phrase table, the model alone has a score of its own."""
    called = {name: column for column, name in (BASELINES | PARTS).items()}
    found = {called[one.name]: overall(one.scores, measure) for one in record.baselines if one.name in called}
    run = overall(record.scores, measure)
    return {"model": run, **found, "run": run}


def overall(scores: Sequence[Score], measure: str) -> Score:
    return next(score for score in scores if score.name == measure)


def training_pairs(record: Record) -> int:
    assert record.data is not None
    return min(record.data.rows["train"].values())


def verdict(record: Record) -> str:
    """The paired comparison with the better baseline."""
    rivals: list[Comparison] = [one for one in record.comparisons if one.against in BASELINES.values()]
    if not rivals:
        return "–"
    worst = min(rivals, key=lambda one: one.gain[0])
    gain, low, high = worst.gain
    beats = "better" if low > 0 and worst.p < 0.05 else "worse" if high < 0 and worst.p < 0.05 else "not clear"
    return f"{beats}: {gain:+.1f} [{low:+.1f}, {high:+.1f}], {worst.p:.4f}"


def show(score: Score) -> str:
    return f"{score.value:.1f} ({score.low:.1f}–{score.high:.1f})"


if __name__ == "__main__":
    main()
