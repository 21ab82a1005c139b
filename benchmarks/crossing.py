"""How many pairs a translator needs until the adapted model passes the phrase table: runs of growing size into languages new to it.

    python benchmarks/crossing.py --mirror FOLDER --out runs/crossing

The data are messages of Home Assistant (data_cards/homeassistant-messages.md), from English, in languages that starter:translation
never wrote in its training; with --into-english from these languages. starter:multilingual-decoder has read them, some much, some
little: each base and direction is a table of its own. A smaller sample of train is a part of each larger one; dev and test are the
same for all sizes. FOLDER holds the unpacked package where it is not installed. Finished runs are kept and not repeated; the table
has those that are finished.
"""

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path

from carrying import carry_out, done
from translation_families import show, systems_of, write

from lowres.data.corpus import SPLITS
from lowres.data.pairs import pairs
from lowres.planning import Options, read_data
from lowres.recipe import open_recipe
from lowres.record import Record
from lowres.runs.layout import RECORD
from lowres.runs.run import read_record

LANGUAGES = {
    "ga": "gle-Latn", "et": "est-Latn", "lt": "lit-Latn", "tr": "tur-Latn", "sk": "slk-Latn", "el": "ell-Grek",
}  # fmt: skip
ENGLISH = "eng-Latn"
SIZES = (100, 300, 600, 1200, 2400, 4800, 9600)
ALL_PAIRS = """\
lowres: 2
name: all pairs
task: {{kind: translation, source: {source}, target: {target}}}
data: {{card: homeassistant-messages, subset: [en, {subset}], contaminated: leave-out}}
base: {{name: starter:translation}}
"""
SAMPLE = """\
lowres: 2
name: {pairs} messages from {source} into {target}
task: {{kind: translation, source: {source}, target: {target}}}
data:
  files: {files}
  licence: Apache-2.0
  source: a sample of homeassistant-messages
base: {{name: {base}}}
{settings}"""
SETTINGS = {  # of recipes/upper-sorbian.yaml and of recipes/quickstart.yaml
    "starter:translation": """\
vocabulary: {{extend: off, trim: lattice}}
method: {{kind: lora}}
training: {{epochs: 3, batch_tokens: 2048, learning_rate: 0.001, seed: {seed}}}
decoding: {{length_penalty: 1.5}}
""",
    "starter:multilingual-decoder": """\
vocabulary: {{extend: off, trim: used}}
method: {{kind: lora}}
training: {{epochs: 1, batch_tokens: 256, learning_rate: 0.0005, seed: {seed}}}
evaluation: {{few_shot: 0}}
""",
}
INTO_ENGLISH = {  # of recipes/into-english.yaml
    **SETTINGS,
    "starter:multilingual-decoder": """\
vocabulary: {{extend: off, trim: used}}
method: {{kind: lora}}
training: {{epochs: 2, batch_tokens: 1024, learning_rate: 0.0005, seed: {seed}}}
evaluation: {{few_shot: 0}}
""",
}
COLUMNS = ("copy", "dictionary", "phrase table", "model", "run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path, action="append", default=[])
    parser.add_argument("--out", type=Path, default=Path("runs/crossing"))
    parser.add_argument("--base", choices=SETTINGS, default="starter:translation")
    parser.add_argument("--into-english", action="store_true", help="the other direction")
    parser.add_argument("--languages", nargs="+", choices=LANGUAGES, default=list(LANGUAGES))
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="training pairs")
    parser.add_argument("--seeds", nargs="+", type=int, default=[13])
    parser.add_argument("--dev", type=int, default=100, help="dev pairs at most")
    parser.add_argument("--test", type=int, default=300, help="test pairs at most")
    parser.add_argument("--table", action="store_true", help="run nothing")
    asked = parser.parse_args()
    cells = [
        (language, size, seed) for size in sorted(asked.sizes) for language in asked.languages for seed in asked.seeds
    ]
    out = asked.out / (asked.base.removeprefix("starter:") + ("-into-english" if asked.into_english else ""))
    folders = {cell: out / "-".join(map(str, cell)) for cell in cells}
    for (language, size, seed), folder in folders.items():
        if not asked.table and not done(folder):
            carry_out(sample(language, size, seed, folder, asked), folder, [])
    records = {cell: read_record(folder / RECORD) for cell, folder in folders.items() if done(folder)}
    print("\n".join(table(records)))


def sample(language: str, size: int, seed: int, folder: Path, asked: argparse.Namespace) -> str:
    """Write the pairs of a run into files beside it, and return its recipe."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    source, target = (LANGUAGES[language], ENGLISH) if asked.into_english else (ENGLISH, LANGUAGES[language])
    whole = folder.parent / f"{language}-whole.yaml"
    whole.write_text(ALL_PAIRS.format(source=source, target=target, subset=language), encoding="utf-8")
    corpus = read_data(open_recipe(whole), Options(mirrors=tuple(asked.mirror)))
    sizes, files = {"train": size, "dev": asked.dev, "test": asked.test}, {}
    for split, rows in zip(SPLITS, (corpus.train, corpus.dev, corpus.test), strict=True):
        found = list(pairs(rows, [(source, target)]))
        random.Random(f"{split} {seed if split == 'train' else 13}").shuffle(found)
        files[split] = f"{folder.name}.{split}.jsonl"
        write(folder.with_name(files[split]), found[: sizes[split]])
    settings = (INTO_ENGLISH if asked.into_english else SETTINGS)[asked.base].format(seed=seed)
    return SAMPLE.format(
        pairs=size, source=source, target=target, files=json.dumps(files), base=asked.base, settings=settings
    )


def table(records: dict[tuple[str, int, int], Record]) -> Iterator[str]:
    """A line for each run, by language and size: chrF++ of each system, and the model alone less the phrase table."""
    yield "| language | pairs | seed | " + " | ".join(COLUMNS) + " | model − phrase table [95 %] | seconds |"
    yield "|---" * (5 + len(COLUMNS)) + "|"
    for (language, size, seed), record in sorted(records.items()):
        systems = systems_of(record, "chrF++")
        cells = [LANGUAGES[language], f"{size:,}", str(seed), *(show(systems[name]) for name in COLUMNS)]
        cells += [difference(record), f"{sum(record.cost.seconds.values()) if record.cost else 0:.0f}"]
        yield f"| {' | '.join(cells)} |"


def difference(record: Record) -> str:
    """The model alone less the phrase table alone. One of the two is the run, which is compared with the other."""
    found = {one.against: one for one in record.comparisons if one.score == "chrF++" and one.language is None}
    if "model alone" in found:  # the phrase table answers
        value, low, high = (-side for side in found["model alone"].gain)
        low, high = high, low
    else:
        value, low, high = found["phrase table alone"].gain
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"


if __name__ == "__main__":
    main()
