"""What is special about the tokenizer classes of families. Imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class TokenizerFacts:
    """What is special about a tokenizer class of transformers.

    `separate_target` says that texts to be written have a SentencePiece model of their own (`text_target=`). `language_codes`
    says where language tokens are defined: in a map of the class (“map”), in the list of added tokens (“added”), in the
    vocabulary (“vocabulary”), or nowhere (“none”). `sentencepiece_bpe` says that the class is Python code over such a model.
    `rebuilt` says that transformers 5 makes the class anew from the tokens alone, so that the steps around them must be read again.
    """

    separate_target: bool = False
    language_codes: Literal["map", "added", "vocabulary", "none"] = "none"
    sentencepiece_bpe: bool = False
    rebuilt: bool = False


# By class name, without “Fast”; every other class of transformers has none of these.
TOKENIZERS: Mapping[str, TokenizerFacts] = {
    "MarianTokenizer": TokenizerFacts(separate_target=True, language_codes="vocabulary"),
    "M2M100Tokenizer": TokenizerFacts(language_codes="map", sentencepiece_bpe=True),
    "NllbTokenizer": TokenizerFacts(language_codes="added"),
    "MBartTokenizer": TokenizerFacts(language_codes="vocabulary"),
    "MBart50Tokenizer": TokenizerFacts(language_codes="vocabulary"),
    "T5Tokenizer": TokenizerFacts(rebuilt=True),  # whose unknown token is always 2: in MADLAD-400 that is </s>
    "DebertaV2Tokenizer": TokenizerFacts(rebuilt=True),  # without the normalisation of its SentencePiece model
    "RemBertTokenizer": TokenizerFacts(rebuilt=True),  # without [CLS] and [SEP] around a text
}
