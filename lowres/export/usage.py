"""How to use a model without lowres: the README of a run's model and of a merged checkpoint, with code that runs as it stands."""

from typing import Any

from lowres.languages.codes import instruction, translation_request
from lowres.models.architectures import ARCHITECTURES
from lowres.models.frames import Frame
from lowres.recipe.methods import METHOD_FACTS
from lowres.record import Record
from lowres.starters.starters import STARTERS
from lowres.tasks.saved import ModelFacts

IMPORTS = """\
import unicodedata

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import {auto}, AutoTokenizer

folder = "."  # this folder
tokenizer = AutoTokenizer.from_pretrained({tokenizer})
model = {auto}.from_pretrained({base}).eval()
"""
ROWS = """\
rows = load_file(f"{folder}/rows.safetensors")
old, head = model.get_input_embeddings().weight, model.get_output_embeddings()
table = torch.nn.Parameter(torch.cat([old, rows["rows"]])[rows["places"].long()])
if head is not None:
    tied = head.weight is old
    own = table if tied else torch.nn.Parameter(torch.cat([head.weight, rows["head"]])[rows["places"].long()])
    head.weight, head.out_features = own, len(table)
    bias = getattr(model, "final_logits_bias", None)
    if bias is not None:
        bias = torch.cat([bias, bias.new_zeros(1, len(rows["rows"]))], dim=1)
        model.final_logits_bias = bias[:, rows["places"].long()]
for module in model.modules():
    if isinstance(module, torch.nn.Embedding) and module.weight is old:
        module.weight, module.num_embeddings, module.padding_idx = table, len(table), None
"""
ADAPTER = 'model = PeftModel.from_pretrained(model, f"{folder}/adapter").eval()\n'
WEIGHTS = """\
own = dict(model.named_parameters())
with torch.no_grad():
    for name, weight in load_file(f"{folder}/adapter/weights.safetensors").items():
        own[name].copy_(weight)
"""
LABELS = """
labels, texts = {labels}, ["…"]
texts = [{prefix!r} + unicodedata.normalize("NFC", text) for text in texts]
{beside}inputs = tokenizer(texts, padding=True, truncation=True, max_length={longest}, return_tensors="pt")
with torch.no_grad():
    states = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).last_hidden_state
mask = inputs["attention_mask"].unsqueeze(-1)
vectors = {vectors}
head = load_file(f"{{folder}}/head.safetensors")
{centred}logits = vectors @ head["weight"].T + head["bias"]
print([labels[best] for best in logits[:, : len(labels)].argmax(1)])
"""
BESIDE = """\
# lowres reads a translation into {language} beside each text, made by its phrase tables: tokenizer(texts, translations, …)
"""
CENTRED = """\
vectors = vectors - head["centre {first}"]  # the mean of the language that the texts are in: one of {all}
"""
BY_WORDS = """
# Labels are scored by their words ({words}) behind a prompt, which only lowres does: lowres.load("..").predict(["…"])
"""
POOLED = {
    "mean": "(states * mask).sum(1) / mask.sum(1)",
    "first": "states[:, 0]",
    "last": "states[torch.arange(len(states)), mask.sum((1, 2)) - 1]",
}
TRANSLATION = """
text = "…"  # {source} to {target}; of more than {longest_source} tokens: sentence by sentence
text = unicodedata.normalize("NFC", text)
ids = {ids}
with torch.no_grad():
    written = model.generate(
        input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long),
        decoder_input_ids=torch.tensor([{decoder_prefix}]), forced_bos_token_id=None, eos_token_id={end}, pad_token_id={pad},
        num_beams={beams}, length_penalty={penalty}, no_repeat_ngram_size={no_repeat}, early_stopping=False,
        suppress_tokens={suppressed}, max_new_tokens=min(int({longest} * len(ids)) + 10, {most}),
    )
print(tokenizer.decode(written[0], skip_special_tokens=True))
"""
PROMPTED = """
text = "…"
text = unicodedata.normalize("NFC", text)
{question}
with torch.no_grad():
    written = model.generate(
        input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), num_beams={beams},
        length_penalty={penalty}, do_sample=False, eos_token_id={ends}, pad_token_id={pad}, max_new_tokens={most},
    )
print(tokenizer.decode(written[0, len(ids) :], skip_special_tokens=True).strip())
"""
AROUND = """\
before, after = {before}, {after}  # what stands around a question, in tokens: {shown}
question = {question}
ids = [*before, *tokenizer(question, add_special_tokens=False, split_special_tokens=True)["input_ids"], *after]"""
BEGINNING = """\
plain = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
ids = [*{begin}, *plain[-{most}:]]"""
HINTED = "It was trained with a phrase table's translation before each text, which only lowres makes; without, it is worse.\n\n"
SYMBOLS = (
    "In what it read and wrote, placeholders – markup, addresses, fields such as %(name)s – stood as symbols ({symbols}), one for "
    "each; the code leaves them as they are, and the model may damage them.\n\n"
)
BITS = "It was trained over the base in {bits} bits; over full-precision weights, as here, predictions differ slightly.\n\n"
NEEDS = "The code needs transformers 5 or later{more}.\n\n"
NGRAMS = (
    "The run predicts with this encoder and an n-gram classifier together (log-linear ensemble, weights {weights}), which only lowres "
    "combines: this code gives the encoder's predictions alone, “encoder alone” in the run's report.\n\n"
)
TEMPERED = "The run's probabilities are the softmax of {weight} times the logits of its labels, a factor that was fitted on dev.\n\n"
PHRASES = (
    "In the directions {directions} the run's translations are those of its phrase table, by its score or chosen with the model; only "
    "lowres reads it: this code gives the neural model's translations, “model alone” in the run's report.\n\n"
)
HEADS = "Further heads follow in the columns of `logits` behind the first {first}: {heads}.\n\n"
BUILT = "Its base is built by lowres, so that it cannot be fetched elsewhere: `lowres export RUN` writes one ordinary checkpoint.\n"
WITH_LOWRES = """\
{why}: it needs lowres.

```python
import lowres

run = lowres.load("..")  # the run's folder, which holds this one
print(run.predict(["…"]{languages}))
```
"""
PRE_TRAINED = (
    "It is meant as a base: `merged`, beside this folder, is one ordinary checkpoint for transformers, and the run's folder is the "
    "`base.name` of a next recipe.\n"
)


def mergeable(facts: ModelFacts) -> bool:
    """Whether merged weights can give the same predictions."""
    return METHOD_FACTS[facts.method].mergeable and facts.quantize != "8bit"


def merged_usage(predictor: Any, record: Record) -> str:
    """The README of a merged checkpoint."""
    about = "One ordinary checkpoint: base, embedding rows and adapter together."
    return _page(predictor, record, about, tokenizer="folder", base="folder", rest="")


def adapter_usage(predictor: Any, record: Record) -> str:
    """The README of a run's model folder, which holds the adapter without the base."""
    facts = predictor.facts
    about = f"{facts.method} over {facts.base}, with the embedding rows and the tokenizer that belong to it."
    if facts.method == "bottleneck":
        return f"{heading(record, about)}{_with_lowres(predictor)}"
    if facts.task == "pre-training" and mergeable(facts):
        return f"{heading(record, about)}{PRE_TRAINED}"
    if facts.base in STARTERS.names or facts.decoder_layers is not None or facts.over:
        return f"{heading(record, about)}{BUILT}"
    rest = ROWS if predictor.rows.places is not None else ""
    rest += ADAPTER if hasattr(predictor.transformer, "peft_config") else WEIGHTS
    base = f'"{facts.base}", dtype="float32"' + (f', revision="{facts.revision}"' if facts.revision else "")
    if modules := facts.base_language and ARCHITECTURES[predictor.transformer.config.model_type].language_modules:
        base += f', {modules.listed}=["{facts.base_language}"], {modules.default}="{facts.base_language}"'
    return _page(predictor, record, about, tokenizer='f"{folder}/tokenizer"', base=base, rest=rest)


def _page(predictor: Any, record: Record, about: str, *, tokenizer: str, base: str, rest: str) -> str:
    facts = predictor.facts
    notes = NEEDS.format(more="" if base == "folder" else " and peft" if ADAPTER in rest else "")
    notes += BITS.format(bits=facts.quantize[0]) if facts.quantize != "off" and base != "folder" else ""
    notes += limits(facts)
    decoder_prefix = IMPORTS.format(auto=_auto(predictor), tokenizer=tokenizer, base=base) + _own_head(predictor)
    asking = {"classification": _labels, "translation": _translation, "generation": _prompted}.get(
        facts.task, _nothing
    )(predictor)
    return f"{heading(record, about)}{notes}```python\n{decoder_prefix}{rest}{asking}```\n"


def limits(facts: Any) -> str:
    """What the run's predictions have beyond those of the code."""
    notes = HINTED if getattr(facts, "hints", False) else ""
    if symbols := getattr(facts, "symbols", ""):
        notes += SYMBOLS.format(symbols=symbols)
    if table := getattr(facts, "with_phrase_table", ()):
        notes += PHRASES.format(directions=", ".join(f"{source}→{target}" for source, target in table))
    weights = getattr(facts, "weights", ())
    if len(weights) > 1:
        notes += NGRAMS.format(weights=" and ".join(f"{weight:.2f}" for weight in weights))
    elif weights:
        notes += TEMPERED.format(weight=f"{weights[0]:.3f}")
    if heads := getattr(facts, "auxiliary", None):
        shown = "; ".join(f"{name} ({', '.join(labels)})" for name, labels in heads.items())
        notes += HEADS.format(first=len(facts.labels), heads=shown)
    return notes


def _with_lowres(predictor: Any) -> str:
    """Code that predicts with lowres."""
    facts = predictor.facts
    several = facts.task == "translation" and len(facts.directions) > 1
    languages = ", source={!r}, target={!r}".format(*facts.directions[0]) if several else ""
    return WITH_LOWRES.format(why="PEFT has no bottleneck adapters of this kind", languages=languages)


def _own_head(predictor: Any) -> str:
    """A line for a model that computes otherwise with a tied head, and whose config says tied whatever its file says (umT5).

    It stands after loading: told while loading, the embeddings of encoder and decoder would not be tied either.
    """
    config = predictor.transformer.config
    told = config.is_encoder_decoder and not config.tie_word_embeddings and not hasattr(config, "scale_decoder_outputs")
    return "model.config.tie_word_embeddings = False  # the head has a table of its own\n" if told else ""


def _auto(predictor: Any) -> str:
    """The class of transformers that loads such a model."""
    if predictor.transformer.config.is_encoder_decoder:
        return "AutoModelForSeq2SeqLM"
    if _decodes(predictor) and (predictor.facts.task != "classification" or getattr(predictor.facts, "words", ())):
        return "AutoModelForCausalLM"
    return "AutoModel" if predictor.facts.task == "classification" else "AutoModelForMaskedLM"


def heading(record: Record, about: str) -> str:
    data = f" Data: {record.data.name} ({record.data.licence})." if record.data else ""
    return f"# {record.recipe.name}\n\n{about}{data}\n\n"


def _nothing(predictor: Any) -> str:
    return ""


def _labels(predictor: Any) -> str:
    facts = predictor.facts
    centred = CENTRED.format(first=predictor.centres[0], all=", ".join(predictor.centres)) if predictor.centres else ""
    if getattr(facts, "words", ()):
        return BY_WORDS.format(words=facts.words)
    return LABELS.format(
        labels=facts.labels,
        prefix=facts.prefix,
        longest=facts.max_length,
        vectors=POOLED[facts.pooling],
        centred=centred,
        beside=beside(predictor),
    )


def beside(predictor: Any) -> str:
    """What the code of a classifier says of translations, where it reads any."""
    return BESIDE.format(language=predictor.facts.translate_into) if predictor.translations.tables else ""


def _decodes(predictor: Any) -> bool:
    return bool(predictor.facts.shape == "decoder")


def _prompted(predictor: Any) -> str:
    """Code that asks a decoder."""
    facts, frame = predictor.facts, frame_of(predictor)
    return PROMPTED.format(
        question=question_code(predictor), beams=facts.decoding.beams, penalty=facts.decoding.length_penalty,
        ends=list(frame.ends), pad=frame.tokenizer.pad_token_id, most=most_code(predictor),
    )  # fmt: skip


def frame_of(predictor: Any) -> Frame:
    """The frame of a decoder's prompts."""
    frame: Frame = predictor.frame if predictor.facts.task == "generation" else predictor.inputs.frame
    return frame


def most_code(predictor: Any) -> str:
    """An expression for how many tokens a decoder may write."""
    facts = predictor.facts
    if facts.task == "generation":
        return str(min(facts.max_length, 2 * facts.longest))
    length = "len(ids) - len(before) - len(after)"
    return f"min(int({facts.decoding.max_length_ratio} * ({length})) + 10, {facts.max_length})"


def question_code(predictor: Any) -> str:
    """Lines of code that make token ids of a text: to translate it in the first direction, or what the run's prompts ask."""
    facts, frame = predictor.facts, frame_of(predictor)
    if facts.task == "generation" and not facts.answers:
        return BEGINNING.format(begin=frame.begin, most=facts.max_length - 1)
    asked = facts.instruction and f"{facts.instruction}\n" if facts.task == "generation" else None
    if asked is None:
        asked = translation_request("", *facts.directions[0])
    before, after = frame.around
    shown = f"{frame.tokenizer.decode(before)}…{frame.tokenizer.decode(after)}"
    return AROUND.format(
        before=before, after=after, shown=repr(shown), question=f"{asked!r} + text" if asked else "text"
    )


def _translation(predictor: Any) -> str:
    """Code that translates in the first direction of the model."""
    if _decodes(predictor):
        return _prompted(predictor)
    facts, inputs = predictor.facts, predictor.inputs
    source, target = facts.directions[0]
    decoder_prefix, decoding = inputs.decoder_prefix(target), facts.decoding
    return TRANSLATION.format(
        source=source, target=target, longest_source=facts.longest, ids=source_code(predictor),
        decoder_prefix=decoder_prefix, beams=decoding.beams, longest=decoding.max_length_ratio,
        penalty=decoding.length_penalty, no_repeat=decoding.no_repeat_ngram_size, most=inputs.max_length - len(decoder_prefix),
        suppressed=list(inputs.suppressed), end=inputs.end, pad=inputs.pad,
    )  # fmt: skip


def source_code(predictor: Any) -> str:
    """An expression for the token ids of a text that an encoder-decoder translates in its first direction."""
    facts, inputs = predictor.facts, predictor.inputs
    source, target = facts.directions[0]
    plain = 'tokenizer(text, add_special_tokens=False)["input_ids"]'
    whole = f'tokenizer({facts.prefix!r} + text)["input_ids"]'
    words = instruction(source, target)
    return {
        "own tag": f"[{inputs.tags.get(source)}, *{plain}, {inputs.end}]",
        "target tag": f"[{inputs.tags.get(target)}, *{whole}]" if target in inputs.tags else whole,
        "words": f'tokenizer({facts.prefix + words!r} + text)["input_ids"]',
        "nothing": whole,
    }[inputs.language_marking.source]
