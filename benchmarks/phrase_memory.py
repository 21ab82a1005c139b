"""How much memory a phrase table takes: learned from the first pairs of a table, and asked once.

python benchmarks/phrase_memory.py FILE SOURCE TARGET --pairs 4000
"""

import argparse
import resource
from pathlib import Path

from lowres.data.formats.readers import read_file
from lowres.statistical.phrases import PhraseTable
from lowres.statistical.word_alignment import MAX_PHRASE, MAX_WORDS

GIB = 2**30
ASKED = 50  # texts that are translated, each without its own counts


def main() -> None:
    """Print the memory and how much of it falls to a phrase of the sources."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("source", help="column")
    parser.add_argument("target", help="column")
    parser.add_argument("--pairs", type=int, default=4000)
    options = parser.parse_args()
    records = read_file(options.file, options.file.name).records
    texts = [(record.fields[options.source], record.fields[options.target]) for record in records]
    pairs = [pair for pair in texts if all(pair)][: options.pairs]
    before = peak_bytes()
    table = PhraseTable.learn(pairs)
    for number in range(min(ASKED, len(pairs))):
        table.translate(pairs[number][0], leave=number)
    taken, lengths = peak_bytes() - before, [min(MAX_WORDS, len(source.split())) for source, _ in pairs]
    phrases = sum(max(0, words - more) for words in lengths for more in range(MAX_PHRASE))
    print(f"{len(pairs):,} pairs, {phrases:,} phrases: {taken / GIB:.2f} GiB, {taken / phrases:.0f} bytes a phrase")


def peak_bytes() -> int:
    """The largest resident memory so far; Linux counts it in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
