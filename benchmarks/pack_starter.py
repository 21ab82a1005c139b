"""Packs a finished run of recipes/starter-translation.yaml into the file of weights that the package ships.

    python benchmarks/pack_starter.py runs/starter-translation-…

The file holds the decoder and the embedding rows of the language tokens in half precision. The encoder and all other embedding rows
come from the starter encoder.
"""

import hashlib
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from lowres.methods.whole import WEIGHTS
from lowres.starters import starters
from lowres.starters.encoder_decoder import LANGUAGE_TOKEN_ROWS
from lowres.tasks.saved import ADAPTER, ROWS, read_facts
from lowres.tasks.translation.model import TranslatorFacts

DECODER = "model.decoder."
SHIPPED = Path(starters.__file__).parent / "weights" / "translation.safetensors"


def main() -> None:
    folder = Path(sys.argv[1]) / "model"
    facts = read_facts(folder, TranslatorFacts)
    trained = load_file(folder / ADAPTER / WEIGHTS)
    weights = {name.removeprefix(DECODER): weight.half() for name, weight in trained.items()}
    assert all(name.startswith(DECODER) for name in trained), "the recipe trains the decoder alone"
    rows = load_file(folder / ROWS)["rows"]
    assert len(rows) == len(facts.tags), "all new rows are those of language tokens"
    assert all(torch.isfinite(weight).all() for weight in weights.values())
    metadata = {
        "tags": " ".join(facts.tags.values()),
        "positions": "512",
        "encoder_layers": str(facts.encoder_layers),
        "decoder_layers": str(facts.decoder_layers),
        "licence": "CC-BY-SA-4.0",
    }
    SHIPPED.parent.mkdir(exist_ok=True)
    save_file({**weights, LANGUAGE_TOKEN_ROWS: rows.half()}, SHIPPED, metadata=metadata)
    data = SHIPPED.read_bytes()
    print(f"{SHIPPED}: {len(data) / 2**20:.1f} MiB, sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
