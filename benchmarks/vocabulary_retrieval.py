"""Sentence retrieval with new tokens before any training, for every initialisation, on NusaX.

    python benchmarks/vocabulary_retrieval.py --mirror FOLDER ace bug min

New tokens and translations come from the 500 training sentences. The score is the share (%) of test sentences whose own translation is
the nearest one by the sentence vectors of the starter encoder.
"""

import argparse
import os
from pathlib import Path

import torch
from corpora import nusax

from lowres.data.files import cache_folder
from lowres.models.checkpoint import find_base
from lowres.models.loading import load_encoder
from lowres.places import Places
from lowres.planning import Machine
from lowres.recipe.vocabulary_section import Vocabulary
from lowres.starters.starters import STARTERS
from lowres.vocabulary.adapting import adapt
from lowres.vocabulary.fitting_data import FittingData
from lowres.vocabulary.initialisation.choosing import UNTOUCHED

INITIALISATIONS = ("random", "mean", "similarity", "meaning", "distil", "meaning+distil")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("languages", nargs="+")
    parser.add_argument("--mirror", type=Path, required=True)
    parser.add_argument("--pivots", nargs="+", default=["ind", "eng"])
    parser.add_argument("--tokens", type=int, default=2000)
    parser.add_argument(
        "--initialisations",
        nargs="+",
        choices=INITIALISATIONS,
        default=INITIALISATIONS,
        help="distillation takes most of the time",
    )
    asked = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", Machine.detect().cores)))
    checkpoint = find_base("starter:encoder", None, Places(Path(), cache_folder(), offline=True), STARTERS)
    tokenizer, encoder = load_encoder(checkpoint)
    print("| language → | new | " + " | ".join((UNTOUCHED, *asked.initialisations)) + " |")
    print("|---" * (len(asked.initialisations) + 3) + "|")
    for language in asked.languages:
        for pivot in asked.pivots:
            train, test = (
                list(
                    zip(nusax(language).read(asked.mirror, split), nusax(pivot).read(asked.mirror, split), strict=True)
                )
                for split in ("train", "test")
            )
            texts = [text for text, _ in train]
            material = FittingData(texts, [text for text, _ in test], {(language, pivot): train}, test)
            found: dict[str, float] = {}
            for name in asked.initialisations:
                section = Vocabulary(extend=asked.tokens, initialise=name, trim="off")
                with torch.autocast("cpu", torch.bfloat16):
                    adapted = adapt(
                        tokenizer, encoder, checkpoint.architecture.layers, section, material, prefix=checkpoint.prefix
                    )
                found |= adapted.measured
            cells = " | ".join(f"{found[name]:.1f}" for name in (UNTOUCHED, *asked.initialisations))
            print(f"| {language} → {pivot} | {adapted.added} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
