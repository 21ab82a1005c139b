"""Seconds and memory to expand XLM-R's vocabulary from 2 000 and from 100 000 lines of Kinyarwanda (Common Voice).

python benchmarks/vocabulary_speed.py FOLDER
"""

import lzma
import resource
import sys
import time
from pathlib import Path

from transformers import AutoTokenizer

from lowres.data.files import cache_folder
from lowres.starters.starters import build_starter
from lowres.vocabulary.expansion.expanding import extend
from lowres.vocabulary.tokenizer_json import TokenizerJson


def main(data: Path) -> None:
    with lzma.open(data / "pretrain/kin.commonvoice.txt.xz", "rt", encoding="utf-8") as file:
        lines = [line.strip() for line in file if line.strip()]
    base = TokenizerJson.of(AutoTokenizer.from_pretrained(str(build_starter("starter:encoder", cache_folder()))))
    print("| lines | words | new tokens | tokens saved, held out % | seconds | peak GiB |\n|---|---|---|---|---|---|")
    for count in (2_000, 100_000):
        texts = lines[:count]
        begun = time.monotonic()
        found = extend(base, texts)
        seconds = time.monotonic() - begun
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        words = sum(len(text.split()) for text in texts)
        print(
            f"| {len(texts)} | {words} | {len(found.added)} | {100 * found.gain:.1f} | {seconds:.0f} | {peak:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
