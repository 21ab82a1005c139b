"""Two designs of the starter translator with equal data and equal training time, compared on dev.

    python benchmarks/starter_designs.py --mirror FOLDER --out runs/designs

bart: recipes/starter-translation.yaml with fewer pairs of each direction, that is, a new decoder over the frozen starter encoder. mt5:
as many layers of the same width with random weights, all of them trained; it starts with the starter's embeddings of the same tokens,
trains on span corruption for a quarter of its time and then on translation, once for each learning rate. All weights of mt5 are
trained, so in equal time it sees fewer pairs: 16 pairs per second on one core where bart sees 37, and 34 texts of span corruption.
--max-pairs-mt5 and --texts follow from that; the table shows whether the times came out alike. With --max-pairs-mt5 equal to
--max-pairs both designs see equally many pairs. Each run is a process of its own, so that its peak memory can be measured; finished
runs are kept and not repeated.
"""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from carrying import carry_out, done
from tokenizers import AddedToken
from torch import nn
from transformers import MT5Config, MT5ForConditionalGeneration

from lowres.languages import language
from lowres.models.checkpoint import find_base
from lowres.models.loading import load_encoder
from lowres.places import Places
from lowres.planning import Options, read_data
from lowres.recipe import open_recipe
from lowres.record import Record
from lowres.runs.layout import MODEL, RECORD
from lowres.runs.run import read_record
from lowres.starters.starters import STARTERS, build_once
from lowres.vocabulary.embeddings import keep_head_apart
from lowres.vocabulary.pruning import kept_ids
from lowres.vocabulary.tokenizer_json import TokenizerJson

STARTER = Path(__file__).parent.parent / "recipes" / "starter-translation.yaml"
SENTINELS = 100  # as many as T5 has
TRANSLATING = """\
lowres: 2
name: {name}
task: {{kind: translation, source: all, target: all, max_pairs: {max_pairs}}}
{data}base: {base}
vocabulary: {{extend: off, trim: {trim}}}
method: {method}
training: {{epochs: 1, batch_tokens: 6000, learning_rate: {rate}, warmup: {warmup}, max_length: 220, evaluations_per_epoch: 2,
  patience: 100, seed: {seed}}}
ensemble: {{phrase_table: off}}
decoding: {{beams: 1}}
evaluation: {{baselines: false}}
"""
DENOISING = """\
lowres: 2
name: {name}
task: {{kind: pre-training, scored_words: 400}}
data:
  - {{card: nusatranslation, limit: {texts}, use: [train]}}
  - {{card: nllb-seed, subset: [ace, ban, bjn, bug], limit: {texts}, use: [train]}}
  - {{card: minangnlp, limit: {texts}, use: [train]}}
  - {{card: talpco, limit: {texts}}}
base: {{name: {base}}}
vocabulary: {{extend: off, trim: off}}
method: {{kind: full}}
training: {{epochs: 1, batch_tokens: 6000, learning_rate: {rate}, max_length: 220, patience: 100, seed: {seed}}}
evaluation: {{baselines: false, resamples: 200}}
"""


@dataclass(frozen=True)
class Design:
    """A design: its name and the folders of its runs in their order; the last one is the translator."""

    name: str
    stages: tuple[Path, ...]

    @property
    def records(self) -> list[Record]:
        """The records of its finished runs."""
        return [read_record(folder / RECORD) for folder in self.stages if done(folder)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/designs"))
    parser.add_argument("--limit", type=int, default=600, help="examples of each subset for both designs")
    parser.add_argument(
        "--max-pairs", type=int, default=400, help="pairs of each of 36 directions that bart is trained on"
    )
    parser.add_argument("--max-pairs-mt5", type=int, default=120, help="pairs of each direction that mt5 is trained on")
    parser.add_argument("--texts", type=int, default=95, help="texts of each of 32 subsets for span corruption of mt5")
    parser.add_argument("--rates", type=float, nargs="+", default=[0.001, 0.003], help="learning rates of mt5")
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--table", action="store_true", help="run nothing")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    bart = Design("bart", (asked.out / f"bart-{asked.limit}-{asked.max_pairs}-{asked.seed}",))
    mt5s = {rate: mt5(rate, asked) for rate in asked.rates}
    if not asked.table:
        carry_out(bart_recipe(asked), bart.stages[0], [asked.mirror])
        write_base(asked)
        for rate, design in mt5s.items():
            for folder, recipe in zip(design.stages, mt5_recipes(rate, design, asked), strict=True):
                if not carry_out(recipe, folder, [asked.mirror]):
                    break  # nothing can be built on it
    print("\n".join(table([bart, *mt5s.values()])))


def mt5(rate: float, asked: argparse.Namespace) -> Design:
    """The design that trains on span corruption first, then on translation."""
    denoised = asked.out / f"mt5-{asked.limit}-{rate}-{asked.texts}-denoising-{asked.seed}"
    translated = asked.out / f"mt5-{asked.limit}-{rate}-{asked.texts}-{asked.max_pairs_mt5}-{asked.seed}"
    return Design(f"mt5, rate {rate}", (denoised, translated))


def untrained(asked: argparse.Namespace) -> Path:
    """The folder of the mT5 before any training."""
    return asked.out / f"mt5-untrained-{asked.limit}-{asked.seed}"


def bart_recipe(asked: argparse.Namespace) -> str:
    return TRANSLATING.format(
        name="bart", max_pairs=asked.max_pairs, data=data(asked.limit),
        base="{name: starter:encoder, encoder_layers: 6, decoder_layers: 3}", trim="used",
        method="{kind: decoder}", rate=0.003, warmup=0.04, seed=asked.seed,
    )  # fmt: skip


def mt5_recipes(rate: float, design: Design, asked: argparse.Namespace) -> Iterator[str]:
    """The recipes of both stages: the first starts from the untrained model, the second from the result of the first."""
    yield DENOISING.format(
        name=f"{design.name}, denoising", texts=asked.texts, base=untrained(asked).resolve(), rate=rate, seed=asked.seed
    )
    yield TRANSLATING.format(
        name=design.name, max_pairs=asked.max_pairs_mt5, data=data(asked.limit),
        base=f"{{name: {design.stages[0].resolve()}}}", trim="off", method="{kind: full}", rate=rate, warmup=0.1, seed=asked.seed,
    )  # fmt: skip


def data(limit: int) -> str:
    """The data section of the starter's own recipe, with at most `limit` examples of each subset."""
    text = STARTER.read_text(encoding="utf-8")
    section = text[text.index("data:") : text.index("base:")]
    return re.sub(r"limit: (\d+)", lambda found: f"limit: {min(limit, int(found[1]))}", section)


def write_base(asked: argparse.Namespace) -> None:
    """Write an untrained mT5 of the size of the other design, with the tokens that its training texts use."""

    def write(draft: Path) -> None:
        recipe = untrained(asked).with_suffix(".yaml")
        recipe.write_text(bart_recipe(asked), encoding="utf-8")
        file, options = open_recipe(recipe), Options(mirrors=(asked.mirror,))
        corpus = read_data(file, options)
        names = [language(tag).name for tag in corpus.languages]
        instructions = [f"translate {name} to {name}: " for name in names]
        begin([*instructions, *(row.fields["text"] for row in corpus.train)], options.cache, asked.seed, draft)

    build_once(untrained(asked), write)


def begin(texts: list[str], cache: Path, seed: int, folder: Path) -> None:
    """Write the model and its tokenizer. Embedding and head are untied, as in mT5. Both start from the starter's embedding rows: the
    embedding scaled to standard deviation 1, which is mT5's own scale; the head unscaled, so that no token is preferred.
    """
    starter = find_base("starter:encoder", None, Places(folder, cache, offline=True), STARTERS)
    original, encoder = load_encoder(starter)
    vocabulary = TokenizerJson.of(original)
    ids = kept_ids(vocabulary, texts, "used")
    tokenizer = vocabulary.pruned(ids).tokenizer(original)
    sentinels = [AddedToken(f"<extra_id_{number}>", special=True, normalized=False) for number in range(SENTINELS)]
    tokenizer.add_tokens(sentinels, special_tokens=True)
    rows = encoder.get_input_embeddings().weight.detach()[ids]
    torch.manual_seed(seed)
    rows = torch.cat([rows, torch.randn(SENTINELS, rows.shape[1]) * rows.std() + rows.mean(0)])
    config = MT5Config(
        vocab_size=len(rows), d_model=rows.shape[1], d_kv=64, d_ff=1024, num_layers=6, num_decoder_layers=3, num_heads=6,
        feed_forward_proj="gated-gelu", pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model = MT5ForConditionalGeneration(config)
    model.lm_head.weight = nn.Parameter(rows.clone())
    keep_head_apart(model)
    with torch.no_grad():
        model.shared.weight.copy_(rows / rows.std())
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def table(designs: list[Design]) -> Iterator[str]:
    """A line for each design whose runs are finished."""
    yield (
        "| design | texts denoised | pairs | parameters trained | training, seconds | dev, chrF++ | test, chrF++ [95 %] "
        "| MB beside the base | GiB |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for design in designs:
        if len(design.records) == len(design.stages):
            yield line(design)


def line(design: Design) -> str:
    records = design.records
    trainings = [record.training for record in records if record.training]
    last, test = trainings[-1], next(score for score in records[-1].scores if score.name == "chrF++")
    seconds = sum(training.seconds for training in trainings)
    memory = max(record.cost.peak_memory_gib for record in records if record.cost)
    return (
        f"| {design.name} | {sum(training.examples for training in trainings[:-1]):,} | {last.examples:,} | "
        f"{last.trained_parameters:,} of {last.total_parameters:,} | {seconds:.0f} | {last.best_dev:.1f} | "
        f"{test.value:.1f} [{test.low:.1f}, {test.high:.1f}] | {size(design.stages[-1] / MODEL):.1f} | {memory:.1f} |"
    )


def size(folder: Path) -> float:
    """Megabytes of a saved model: for bart all but the starter encoder, for mt5 everything."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


if __name__ == "__main__":
    main()
