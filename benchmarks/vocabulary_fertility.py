"""How well new pieces fit text never seen, and what they do to a language that the base knows.

    python benchmarks/vocabulary_fertility.py ../shared/data > table.md

Rivals, at the same number of new pieces: `add_tokens` (the commonest words that the base does not keep whole, added as
transformers does), and SentencePiece pieces trained apart and appended with their own scores (Unigram), or BPE merges
trained apart and appended. The Unigram base is XLM-R's vocabulary, from the starter; the BPE base is trained here on
French, English, Spanish, Indonesian, Hausa and Zulu text.
"""

import argparse
import io
import random
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sentencepiece
from corpora import Column, afrisenti, americas, mafand, nusax
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from lowres.data.sources import cache_folder
from lowres.languages.text import normalise
from lowres.models.starter import build_starter
from lowres.vocabulary.extending import extend
from lowres.vocabulary.pieces import WORD_START, Pieces

MOST = 2000
FRENCH, ENGLISH, SPANISH = mafand("fr-fon", "fr"), mafand("en-yor", "en"), americas("spa-gn", "spa")
INDONESIAN = nusax("ind")
LANGUAGES: dict[str, tuple[Column, Column]] = {
    "Fon": (mafand("fr-fon"), FRENCH),
    "Yoruba": (mafand("en-yor"), ENGLISH),
    "Igbo": (mafand("en-ibo"), ENGLISH),
    "Zulu": (mafand("en-zul"), ENGLISH),
    "Amharic": (afrisenti("amh"), ENGLISH),
    "Tigrinya": (afrisenti("tir", "dev"), ENGLISH),
    "Guarani": (americas("spa-gn"), SPANISH),
    "Otomi": (americas("spa-oto"), SPANISH),
    **{
        name: (nusax(name), INDONESIAN)
        for name in ("ace", "ban", "bbc", "bjn", "bug", "jav", "mad", "min", "nij", "sun")
    },
}
KNOWN_TO_BPE = (FRENCH, ENGLISH, SPANISH, INDONESIAN, mafand("en-hau"), mafand("en-zul"))
BPE_LANGUAGES = ("Fon", "Yoruba", "Igbo", "Guarani", "ace", "min")


@dataclass(frozen=True)
class Made:
    """A way of adding pieces: how a line is cut and read back, and how many rows are new."""

    name: str
    new: int
    seconds: float
    tokenizer: Tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="*")
    asked = parser.parse_args()
    starter = AutoTokenizer.from_pretrained(str(build_starter("starter:encoder", cache_folder())))
    for title, tokenizer, names in (
        ("Unigram: XLM-R's vocabulary", starter, tuple(LANGUAGES)),
        ("BPE: 16 000 pieces of six languages", bpe_base(asked.data), BPE_LANGUAGES),
    ):
        print(f"\n### {title}\n")
        print("| language | way | new | pieces per word | gain % | unknown words % | lines not read back % | protected words "
              "changed % | protected lines not read back % | new used % | s |")  # fmt: skip
        print("|---|---|---|---|---|---|---|---|---|---|---|")
        for name in names:
            if (not asked.only or name in asked.only) and (asked.data / LANGUAGES[name][0].train).exists():
                report(name, tokenizer, *LANGUAGES[name], asked.data)
    no_space_and_unknown(starter, asked.data)


def report(name: str, tokenizer: PreTrainedTokenizerBase, language: Column, known: Column, data: Path) -> None:
    train, test = [[normalise(text) for text in language.read(data, split)] for split in ("train", "test")]
    protected, protected_test = known.read(data, "train"), known.read(data, "test")
    base = Pieces.of(tokenizer)
    untouched = Made("untouched", 0, 0.0, tokenizer.backend_tokenizer)
    lines = judge(untouched, untouched, test, protected_test, base)
    ours = timed("ours, auto", base, lambda: extend(base, train, protect=protected).pieces)
    forced = timed(f"ours, ≤ {MOST}", base, lambda: extend(base, train, count=MOST, protect=protected).pieces)
    free = timed(f"ours, ≤ {MOST}, nothing protected", base, lambda: extend(base, train, count=MOST).pieces)
    apart = timed("trained apart, appended", base, lambda: trained_apart(base, train, forced.new))
    for made in (ours, forced, free, apart, added(tokenizer, base, train, forced.new)):
        lines += judge(made, untouched, test, protected_test, base)
    for line in lines:
        print(f"| {name} | {line}", flush=True)


def timed(name: str, base: Pieces, make: Callable[[], Pieces]) -> Made:
    begun = time.monotonic()
    pieces = make()
    return Made(name, len(pieces) - len(base), time.monotonic() - begun, pieces.backend)


def trained_apart(base: Pieces, texts: Sequence[str], count: int) -> Pieces:
    """SentencePiece pieces that the base lacks, most probable first, with the scores of their own model."""
    words = base.words(texts)
    if base.kind == "bpe":
        return merges_apart(base, words, count)
    model = io.BytesIO()
    spread = [word.removeprefix(WORD_START) for word, times in words.items() for _ in range(times)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(spread), model_writer=model, vocab_size=min(8000, 2 * count + 600), hard_vocab_limit=False,
        model_type="unigram", character_coverage=1.0, normalization_rule_name="identity", minloglevel=2, num_threads=1,
    )  # fmt: skip
    made = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [(made.id_to_piece(i), made.get_score(i)) for i in range(3, made.get_piece_size())]
    new = [(piece, score) for piece, score in pieces if piece not in base.ids][:count]
    return base.extended([piece for piece, _ in new], [score for _, score in new])


def merges_apart(base: Pieces, words: Counter[str], count: int) -> Pieces:
    """BPE trained apart; its merges whose product the base lacks, behind the base's, until there are `count` new pieces."""
    trained = Tokenizer(models.BPE())
    trained.train_from_iterator(
        (word for word, times in words.items() for _ in range(times)),
        trainers.BpeTrainer(vocab_size=3 * count + 300, show_progress=False),
    )
    apart, names, merges = Pieces.trained(base, trained), [], []
    names += [name for name in apart.names if len(name) == 1 and name not in base.ids]
    for pair in apart.merges:
        if len(names) >= count:
            break
        if pair not in base.merges:
            merges.append(pair)
            names += ["".join(pair)] if "".join(pair) not in base.ids and "".join(pair) not in names else []
    there = {*base.names, *names}
    return base.extended(names, (), [pair for pair in merges if {*pair, "".join(pair)} <= there])


def added(tokenizer: PreTrainedTokenizerBase, base: Pieces, texts: Sequence[str], count: int) -> Made:
    """transformers' add_tokens with the commonest words that are cut."""
    words = Counter(word for text in texts for word in text.split())
    cut = [word for word, times in words.most_common() if times >= 5 and len(tokenizer.tokenize(word)) > 1]
    other = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    begun = time.monotonic()
    other.add_tokens(cut[:count])
    return Made("add_tokens(words)", min(count, len(cut)), time.monotonic() - begun, other)


def judge(made: Made, untouched: Made, texts: Sequence[str], protected: Sequence[str], base: Pieces) -> list[str]:
    mine, old = encode(made, texts), encode(untouched, texts)
    words = sum(len(text.split()) for text in texts)
    pieces, before = (sum(len(line) for line in lines) for lines in (mine, old))
    theirs, known = words_cut(made, protected), words_cut(untouched, protected)
    changed = sum(times for word, times in count(protected).items() if theirs[word] != known[word])
    lost, lost_there = (100 * sum(not back(made, text) for text in lines) / len(lines) for lines in (texts, protected))
    unknown = unknown_words(made, texts, base.unknown)
    fresh = set(made.tokenizer.get_vocab()) - set(untouched.tokenizer.get_vocab())
    used = {made.tokenizer.id_to_token(piece) for line in mine for piece in line} & fresh
    return [
        f"{made.name} | {made.new} | {pieces / words:.3f} | {100 * (1 - pieces / before):.1f} | {unknown:.2f} | {lost:.1f} | "
        f"{100 * changed / count(protected).total():.2f} | {lost_there:.1f} | "
        f"{100 * len(used) / max(1, len(fresh)):.0f} | {made.seconds:.0f} |"
    ]


def encode(made: Made, texts: Sequence[str]) -> list[list[int]]:
    return [found.ids for found in made.tokenizer.encode_batch(list(texts), add_special_tokens=False)]


def count(texts: Sequence[str]) -> Counter[str]:
    return Counter(word for text in texts for word in text.split())


def words_cut(made: Made, texts: Sequence[str]) -> dict[str, list[str]]:
    words = list(count(texts))
    return {
        word: found.tokens
        for word, found in zip(words, made.tokenizer.encode_batch(words, add_special_tokens=False), strict=True)
    }


def unknown_words(made: Made, texts: Sequence[str], unknown: str | None) -> float:
    number = made.tokenizer.token_to_id(unknown) if unknown else None
    words = count(texts)
    cut = made.tokenizer.encode_batch(list(words), add_special_tokens=False)
    return (
        100
        * sum(times for times, found in zip(words.values(), cut, strict=True) if number in found.ids)
        / words.total()
    )


def back(made: Made, text: str) -> bool:
    """Whether the text can be read back, up to spacing and what the base's own normalisation (NFKC) folds."""
    found = made.tokenizer.decode(made.tokenizer.encode(text, add_special_tokens=False).ids, skip_special_tokens=False)
    return fold(found) == fold(text)


def fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).replace("\u200b", "").split())


def bpe_base(data: Path) -> PreTrainedTokenizerBase:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    texts = [text for column in KNOWN_TO_BPE for text in column.read(data, "train")[:4000]]
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=16_000, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], show_progress=False),
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>")


def no_space_and_unknown(tokenizer: PreTrainedTokenizerBase, data: Path) -> None:
    """Thai from the Universal Declaration (no spaces), and N'Ko-like text: Bambara's own words in letters it lacks."""
    print("\n### A script without spaces, and one that the base does not know\n")
    print("| text | way | new | pieces per character | gain % | unknown pieces % |\n|---|---|---|---|---|---|")
    thai = [line for line in (data / "ship/udhr/tha.txt").read_text(encoding="utf-8").splitlines() if line.strip()]
    bambara = mafand("fr-bam")
    letters = {chr(97 + i): chr(0x07CA + i) for i in range(26)} | {"ɛ": "ߤ", "ɔ": "ߥ", "ɲ": "ߦ", "ŋ": "ߢ"}
    table = str.maketrans(letters)
    nko = [[text.lower().translate(table) for text in bambara.read(data, split)] for split in ("train", "test")]
    dice = random.Random(13)
    dice.shuffle(thai)
    base = Pieces.of(tokenizer)
    for name, (train, test) in {"Thai (UDHR)": (thai[10:], thai[:10]), "Bambara in N'Ko letters": tuple(nko)}.items():
        first = 0
        for way, made in (("untouched", base), ("ours, auto", None), (f"ours, ≤ {MOST}", MOST)):
            pieces = made if isinstance(made, Pieces) else extend(base, train, count=made).pieces
            ids = [i for found in pieces.backend.encode_batch(test, add_special_tokens=False) for i in found.ids]
            first = first or len(ids)
            unknown = 100 * sum(i == pieces.unknown_id for i in ids) / len(ids)
            characters = sum(len("".join(text.split())) for text in test)
            print(f"| {name} | {way} | {len(pieces) - len(base)} | {len(ids) / characters:.3f} | "
                  f"{100 * (1 - len(ids) / first):.1f} | {unknown:.1f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
