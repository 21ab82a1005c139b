"""Pruning the starter encoder to the twelve NusaX languages: embedding rows, weights, memory and time, and what stays the same.

    python benchmarks/vocabulary_trimming.py --mirror FOLDER

The vocabulary is pruned to the training texts and judged on the test texts. Each policy runs in a process of its own, so that its peak
memory can be measured.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch
from corpora import nusax

from lowres.data.files import cache_folder
from lowres.models.checkpoint import find_base
from lowres.models.loading import load_encoder
from lowres.places import Places
from lowres.starters.starters import STARTERS
from lowres.tasks.classification.inputs import TextInputs
from lowres.vocabulary.embeddings import NewRows, place_rows
from lowres.vocabulary.pruning import POLICIES, kept_ids
from lowres.vocabulary.tokenizer_json import TokenizerJson

NAMES = ("ind", "eng", "ace", "ban", "bjn", "bug", "jav", "mad", "min", "nij", "sun", "bbc")
SENTENCES = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path, required=True)
    parser.add_argument("--policy", help="one policy, in this process")
    asked = parser.parse_args()
    if asked.policy:
        measure(asked.policy, asked.mirror)
        return
    print("| policy | rows | weights, million | seconds to prune | test words tokenized the same % | unknown test words % (before) | "
          "test sentences of kept tokens only | their vectors equal bit for bit | update of the layers, s | of embeddings too, s | "
          "GiB |")  # fmt: skip
    print("|---" * 11 + "|", flush=True)
    for policy in ("all", *POLICIES):
        subprocess.run([sys.executable, __file__, "--mirror", str(asked.mirror), "--policy", policy], check=True)


def measure(policy: str, mirror: Path) -> None:
    torch.set_num_threads(1)
    train, test = ([text for name in NAMES for text in nusax(name).read(mirror, split)] for split in ("train", "test"))
    checkpoint = find_base("starter:encoder", None, Places(Path(), cache_folder(), offline=True), STARTERS)
    tokenizer, encoder = load_encoder(checkpoint)
    base = pruned = TokenizerJson.of(tokenizer)
    begun = time.monotonic()
    ids = range(len(base)) if policy == "all" else kept_ids(base, [*train, checkpoint.prefix], policy)  # type: ignore[arg-type]
    pruned = base.pruned(ids)
    whole, part = (TextInputs(vocab.tokenizer(tokenizer), checkpoint.prefix, 256) for vocab in (base, pruned))
    sample = test[:: len(test) // SENTENCES]
    before, after = whole.token_ids(sample), part.token_ids(sample)
    place = {token: number for number, token in enumerate(ids)}
    inside = [i for i, line in enumerate(before) if set(line) <= place.keys()]
    assert all([place[token] for token in before[i]] == after[i] for i in inside)
    old = vectors(encoder, whole, [before[i] for i in inside])
    if policy != "all":
        place_rows(encoder, list(ids), NewRows(torch.zeros(0, checkpoint.hidden_size)))
    seconds = time.monotonic() - begun
    equal = torch.equal(old, vectors(encoder, part, [after[i] for i in inside]))
    words = base.words(test)
    listed = list(words)
    same = (
        sum(
            words[w]
            for w, a, b in zip(listed, base.tokenize_words(listed), pruned.tokenize_words(listed), strict=True)
            if a == b
        )
        / words.total()
    )
    unknown = [
        100
        * sum(
            words[w] for w, tokens in zip(listed, vocab.encode_words(listed), strict=True) if vocab.unknown_id in tokens
        )
        / words.total()
        for vocab in (pruned, base)
    ]
    light, full = (update_seconds(encoder, part, sample[:32], rows=rows) for rows in (False, True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    weights = sum(weight.numel() for weight in encoder.parameters()) / 1e6
    print(f"| {policy} | {len(encoder.get_input_embeddings().weight)} | {weights:.1f} | {seconds:.0f} | {100 * same:.2f} | "
          f"{unknown[0]:.3f} ({unknown[1]:.3f}) | {len(inside)} of {len(sample)} | {equal} | {light:.2f} | {full:.2f} | "
          f"{peak:.1f} |", flush=True)  # fmt: skip


def vectors(encoder: torch.nn.Module, inputs: TextInputs, lines: list[list[int]]) -> torch.Tensor:
    """Mean hidden states, one text at a time, so that padding cannot change them."""
    encoder.eval()
    found = []
    with torch.inference_mode():
        for line in lines[:100]:
            ids, mask = inputs.batch([line], torch.device("cpu"))
            found.append(encoder(input_ids=ids, attention_mask=mask).last_hidden_state.mean(1))
    return torch.cat(found)


def update_seconds(encoder: torch.nn.Module, inputs: TextInputs, texts: list[str], *, rows: bool) -> float:
    """Seconds of one update with AdamW in bfloat16: of the layers alone, or with `rows` of the embedding too. Best of three."""
    encoder.train().requires_grad_(True)
    encoder.get_input_embeddings().requires_grad_(rows)
    ids, mask = inputs.batch(inputs.token_ids(texts), torch.device("cpu"))
    optimizer = torch.optim.AdamW([weight for weight in encoder.parameters() if weight.requires_grad], lr=1e-6)
    times = []
    for _ in range(4):
        begun = time.monotonic()
        with torch.autocast("cpu", torch.bfloat16):
            loss = encoder(input_ids=ids, attention_mask=mask).last_hidden_state.float().square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.monotonic() - begun)
    return min(times[1:])


if __name__ == "__main__":
    main()
