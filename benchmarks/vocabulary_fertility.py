"""Fertility after vocabulary expansion on unseen text, and the effect on a language that the base knows.

    python benchmarks/vocabulary_fertility.py FOLDER > table.md

Alternatives with the same number of new tokens: `add_tokens` of transformers with the most frequent words that the base splits; and a
SentencePiece model trained separately, whose tokens are appended with their own scores (Unigram), or BPE merges trained separately
and appended. The Unigram base is XLM-R's vocabulary, from the starter; the BPE base is trained here on
French, English, Spanish, Indonesian, Hausa and Zulu text.
"""

import argparse
import io
import random
import sys
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sentencepiece
from corpora import Column, afrisenti, americas, mafand, nusax
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from lowres.data.files import cache_folder
from lowres.languages.normalisation import normalise
from lowres.starters.starters import build_starter
from lowres.vocabulary.expansion.expanding import extend
from lowres.vocabulary.tokenizer_json import WORD_START, TokenizerJson

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="*")
    asked = parser.parse_args()
    starter = AutoTokenizer.from_pretrained(str(build_starter("starter:encoder", cache_folder())))
    for title, tokenizer, names in (
        ("Unigram: XLM-R's vocabulary", starter, tuple(LANGUAGES)),
        ("BPE: 16 000 tokens, trained on six languages", bpe_base(asked.data), BPE_LANGUAGES),
    ):
        print(f"\n### {title}\n")
        print("| language | tokens per word: base | ours, auto (new) | ours, ≤ 2000 (new) | gain % auto / ≤ 2000 / free | "
              "trained separately, gain % | add_tokens, gain % | protected words changed %: ours / separate / add_tokens | "
              "lines not decoded again %: base / ours / add_tokens | words unknown %: base / ours | new used % |")  # fmt: skip
        print("|---|---|---|---|---|---|---|---|---|---|---|")
        for name in names:
            if (not asked.only or name in asked.only) and (asked.data / LANGUAGES[name][0].train).exists():
                print(line(name, report(tokenizer, *LANGUAGES[name], asked.data)), flush=True)
    no_space_and_unknown(starter, asked.data)


@dataclass(frozen=True)
class Judged:
    """A vocabulary on unseen text; shares in per cent. `changed` is the share of running words of the protected text."""

    new: int
    tokens_per_word: float
    gain: float
    unknown: float
    lost: float
    changed: float
    used: float


def report(
    tokenizer: PreTrainedTokenizerBase, language: Column, known: Column, data: Path
) -> tuple[Judged, Judged, Judged, Judged, Judged, Judged]:
    """The base, ours (auto; at most MOST; at most MOST with nothing protected), tokens trained separately, add_tokens."""
    train, test = [[normalise(text) for text in language.read(data, split)] for split in ("train", "test")]
    protected, protected_test = known.read(data, "train"), known.read(data, "test")
    base = TokenizerJson.of(tokenizer)
    forced = extend(base, train, count=MOST, protect=protected).vocab
    new = len(forced) - len(base)

    def judged(vocab: TokenizerJson | Tokenizer) -> Judged:
        backend = vocab if isinstance(vocab, Tokenizer) else vocab.backend
        return judge(backend, tokenizer.backend_tokenizer, test, protected_test, base)

    return (
        judged(base),
        judged(extend(base, train, protect=protected).vocab),
        judged(forced),
        judged(extend(base, train, count=MOST).vocab),
        judged(trained_separately(base, train, new)),
        judged(added(tokenizer, base, train, new)),
    )


def line(name: str, judged: tuple[Judged, Judged, Judged, Judged, Judged, Judged]) -> str:
    old, auto, ours, free, separate, tokens = judged
    cells = [
        name, f"{old.tokens_per_word:.3f}", *(f"{one.tokens_per_word:.3f} ({one.new})" for one in (auto, ours)),
        f"**{auto.gain:.1f}** / {ours.gain:.1f} / {free.gain:.1f}", f"{separate.gain:.1f}", f"{tokens.gain:.1f}",
        " / ".join(f"{one.changed:.2f}" for one in (ours, separate, tokens)),
        " / ".join(f"{one.lost:.1f}" for one in (old, ours, tokens)),
        " / ".join(f"{one.unknown:.2f}" for one in (old, ours)), f"{ours.used:.0f}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def trained_separately(base: TokenizerJson, texts: Sequence[str], count: int) -> TokenizerJson:
    """Tokens of a separately trained SentencePiece model that the base lacks, most probable first, with their own scores."""
    words = base.words(texts)
    if base.kind == "bpe":
        return separate_merges(base, words, count)
    model = io.BytesIO()
    spread = [word.removeprefix(WORD_START) for word, times in words.items() for _ in range(times)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(spread), model_writer=model, vocab_size=min(8000, 2 * count + 600), hard_vocab_limit=False,
        model_type="unigram", character_coverage=1.0, normalization_rule_name="identity", minloglevel=2, num_threads=1,
    )  # fmt: skip
    made = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    scored = [(made.id_to_piece(i), made.get_score(i)) for i in range(3, made.get_piece_size())]
    new = [(token, score) for token, score in scored if token not in base.ids][:count]
    return base.extended([token for token, _ in new], [score for _, score in new])


def separate_merges(base: TokenizerJson, words: Counter[str], count: int) -> TokenizerJson:
    """Merges of a separately trained BPE that make tokens the base lacks, appended until there are `count` new tokens."""
    trained = Tokenizer(models.BPE())
    trained.train_from_iterator(
        (word for word, times in words.items() for _ in range(times)),
        trainers.BpeTrainer(vocab_size=3 * count + 300, show_progress=False),
    )
    apart, names, merges = TokenizerJson.trained(base, trained), [], []
    names += [name for name in apart.names if len(name) == 1 and name not in base.ids]
    for pair in apart.merges:
        if len(names) >= count:
            break
        if pair not in base.merges:
            merges.append(pair)
            names += ["".join(pair)] if "".join(pair) not in base.ids and "".join(pair) not in names else []
    there = {*base.names, *names}
    return base.extended(names, (), [pair for pair in merges if {*pair, "".join(pair)} <= there])


def added(tokenizer: PreTrainedTokenizerBase, base: TokenizerJson, texts: Sequence[str], most: int) -> Tokenizer:
    """add_tokens of transformers with the most frequent words that the base splits."""
    words = Counter(word for text in texts for word in text.split())
    cut = [word for word, times in words.most_common() if times >= 5 and len(tokenizer.tokenize(word)) > 1]
    other: Tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    other.add_tokens(cut[:most])
    return other


def judge(
    made: Tokenizer, old: Tokenizer, texts: Sequence[str], protected: Sequence[str], base: TokenizerJson
) -> Judged:
    mine = encode(made, texts)
    words = sum(len(text.split()) for text in texts)
    tokens, before = (sum(len(ids) for ids in lines) for lines in (mine, encode(old, texts)))
    theirs, known = words_cut(made, protected), words_cut(old, protected)
    changed = sum(times for word, times in count(protected).items() if theirs[word] != known[word])
    fresh = set(made.get_vocab()) - set(old.get_vocab())
    used = {made.id_to_token(one) for ids in mine for one in ids} & fresh
    return Judged(
        new=len(fresh),
        tokens_per_word=tokens / words,
        gain=100 * (1 - tokens / before),
        unknown=unknown_words(made, texts, base.unknown),
        lost=100 * sum(not back(made, text) for text in texts) / len(texts),
        changed=100 * changed / count(protected).total(),
        used=100 * len(used) / max(1, len(fresh)),
    )


def encode(made: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    return [found.ids for found in made.encode_batch(list(texts), add_special_tokens=False)]


def count(texts: Sequence[str]) -> Counter[str]:
    return Counter(word for text in texts for word in text.split())


def words_cut(made: Tokenizer, texts: Sequence[str]) -> dict[str, list[str]]:
    words = list(count(texts))
    return {
        word: found.tokens
        for word, found in zip(words, made.encode_batch(words, add_special_tokens=False), strict=True)
    }


def unknown_words(made: Tokenizer, texts: Sequence[str], unknown: str | None) -> float:
    number = made.token_to_id(unknown) if unknown else None
    words = count(texts)
    cut = made.encode_batch(list(words), add_special_tokens=False)
    return (
        100
        * sum(times for times, found in zip(words.values(), cut, strict=True) if number in found.ids)
        / words.total()
    )


def back(made: Tokenizer, text: str) -> bool:
    """Whether decoding gives the text again, up to spacing and the base's own normalisation (NFKC)."""
    found = made.decode(made.encode(text, add_special_tokens=False).ids, skip_special_tokens=False)
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
    """Thai from the Universal Declaration of Human Rights, written without spaces, and Bambara transliterated into N'Ko letters, which
    the base lacks."""
    print("\n### A script without spaces, and one that the base does not know\n")
    print("| text | vocabulary | new | tokens per character | gain % | unknown tokens % |\n|---|---|---|---|---|---|")
    thai = [line for line in (data / "ship/udhr/tha.txt").read_text(encoding="utf-8").splitlines() if line.strip()]
    bambara = mafand("fr-bam")
    letters = {chr(97 + i): chr(0x07CA + i) for i in range(26)} | {"ɛ": "ߤ", "ɔ": "ߥ", "ɲ": "ߦ", "ŋ": "ߢ"}
    table = str.maketrans(letters)
    nko = [[text.lower().translate(table) for text in bambara.read(data, split)] for split in ("train", "test")]
    rng = random.Random(13)
    rng.shuffle(thai)
    base = TokenizerJson.of(tokenizer)
    for name, (train, test) in {"Thai (UDHR)": (thai[10:], thai[:10]), "Bambara in N'Ko letters": tuple(nko)}.items():
        first = 0
        for name_of_vocab, made in (("untouched", base), ("ours, auto", None), (f"ours, ≤ {MOST}", MOST)):
            vocab = made if isinstance(made, TokenizerJson) else extend(base, train, count=made).vocab
            ids = [i for found in vocab.backend.encode_batch(test, add_special_tokens=False) for i in found.ids]
            first = first or len(ids)
            unknown = 100 * sum(i == vocab.unknown_id for i in ids) / len(ids)
            characters = sum(len("".join(text.split())) for text in test)
            print(f"| {name} | {name_of_vocab} | {len(vocab) - len(base)} | {len(ids) / characters:.3f} | "
                  f"{100 * (1 - len(ids) / first):.1f} | {unknown:.1f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
