"""The page: complete, safe against every text it shows, the same on paper, whole without any part of the record."""

import math
import random
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from chromium import browser, chromium

from lowres.data.corpus import Row
from lowres.errors import ModelError
from lowres.evaluation.baselines import majority
from lowres.evaluation.classification_scores import classification_scores, confusion
from lowres.evaluation.comparison import compare, transfer_verdict
from lowres.evaluation.resampling import Resampling
from lowres.record import (
    Baseline,
    CostFacts,
    DataFacts,
    Environment,
    Example,
    Fertility,
    FileFacts,
    FindingFact,
    PlanFacts,
    RecipeFacts,
    Record,
    StepFacts,
    TrainingFacts,
    VocabularyFacts,
)
from lowres.report import render
from lowres.report.formatting import visible

LABELS = ["negative", "neutral", "positive"]
SHA = "0123456789abcdef" * 4
VOID = {"meta", "link", "br", "img", "input", "hr"}


def sample(tags: list[str], labels: list[str] = LABELS, texts: int = 240, right: float = 0.8) -> Record:
    """A finished run over `texts` parallel texts per language; where labels are tags, the label is the language."""
    rng = random.Random(1)
    truth = [rng.choice(labels) for _ in range(texts)]
    rows = [
        Row(f"{tag}-{i}", str(i), tag, {"text": f"kalimaik {i}", "label": tag if tag in labels else truth[i]})
        for tag in tags
        for i in range(texts)
    ]
    references, languages, clusters = zip(*((r.fields["label"], r.language, r.cluster) for r in rows), strict=True)

    def said(share: float) -> list[str]:
        return [label if rng.random() < share else rng.choice(labels) for label in references]

    ours = said(right)
    options: Any = {"resampling": Resampling(resamples=200)}
    runs = {"majority class": list(majority(rows, rows).predictions), "TF-IDF + logistic regression": said(right - 0.2)}
    baselines, comparisons = [], []
    for name, theirs in runs.items():
        scores = classification_scores(
            references, theirs, languages, labels, clusters=clusters, split="test", **options
        )
        baselines.append(Baseline(name=name, description=f"how {name} works", seconds=1.5, scores=scores))
        comparisons += compare(references, ours, theirs, languages, clusters, labels, against=name, **options)
    counts = dict(Counter(references))
    return Record(
        status="done",
        recipe=RecipeFacts(
            name="Feelings", description="What is felt?", path="somewhere/deep/feelings.yaml",
            text="lowres: 2\nname: Feelings\n", sha256=SHA,
        ),
        plan=PlanFacts(
            task="classification", base="starter:encoder", architecture="bert", method="lora", device="cpu",
            precision="fp32", threads=2, micro_batch_tokens=1536,
            findings=[FindingFact(level="note", what="no GPU here")],
        ),
        data=DataFacts(
            name="feelings-data", licence="CC-BY-SA-4.0", citation="Somebody 2026. A book.",
            homepage="https://example.org/x",
            fingerprint="f" * 64, languages=tags,
            rows={split: dict.fromkeys(tags, texts) for split in ("train", "dev", "test")},
            labels=dict.fromkeys(("train", "dev", "test"), counts),
            files=[FileFacts(name="train.csv", sha256=SHA, read=1234, empty=1, outside=2, kept=1231)],
            findings=[FindingFact(level="warning", what="2 rows of train are in test", where="train.csv:7")],
        ),
        vocabulary=VocabularyFacts(
            tokens=37_102, used=9_821, tokens_before=250_002, added=312, gain=0.183, initialised="meaning",
            measure="translations found, %", measured={"untouched": 48.0, "meaning": 83.4},
            fertility_before=[
                Fertility(language=tag, split=split, tokens_per_word=2.17, unknown=0.0004, truncated=0)
                for tag in tags for split in ("train", "dev")
            ],
            fertility=[
                Fertility(language=tag, split=split, tokens_per_word=1.53, unknown=0.0004, truncated=0)
                for tag in tags for split in ("train", "dev")
            ],
        ),
        training=TrainingFacts(
            updates=100, examples=2000, tokens=50_000, seconds=252, seconds_on_dev=8.2, tokens_per_second=198.4,
            peak_memory_gib=1.2, best_update=75, best_dev=81.26, stopped_early=True, trained_parameters=1_000,
            total_parameters=100_000,
            steps=[
                StepFacts(
                    update=update, epoch=update / 50, loss=2 / update, learning_rate=1e-4, seconds=float(update),
                    dev={25: 60.0, 50: 75.5, 75: 81.26, 100: 80.0}.get(update),
                )
                for update in range(1, 101)
            ],
        ),
        scores=classification_scores(references, ours, languages, labels, clusters=clusters, split="test", **options),
        confusion=confusion(references, ours, labels),
        baselines=baselines,
        comparisons=comparisons,
        transfer=transfer_verdict(comparisons),
        examples=[
            Example(
                id="w1", language=tags[0], text="Lamak bana!", confidence=0.97,
                reference=labels[0], prediction=labels[-1],
            ),
            Example(
                id="r1", language=tags[-1], text="Indak lamak.", confidence=0.61,
                reference=labels[0], prediction=labels[0],
            ),
        ],
        cost=CostFacts(seconds={"training": 260.2, "evaluation": 4.0}, peak_memory_gib=1.4),
        environment=Environment(
            python="3.11.9", platform="Linux", processor="a processor", cores=2, memory_gib=7.7,
            versions={"torch": "2.13.0"}, finished="2026-11-21T06:50:12+00:00",
        ),
    )  # fmt: skip


class Page(HTMLParser):
    """Tags, attributes and text of a page; complains about tags that do not close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def headings(self) -> list[str]:
        return [attributes["id"] or "" for tag, attributes in self.tags if tag == "section"]


ONE, SEVERAL = sample(["min-Latn"]), sample(["min-Latn", "ind-Latn", "jav-Latn"])


def test_the_first_sentences_tell_the_result() -> None:
    score, gain = ONE.scores[0], ONE.comparisons[1]
    text = Page(render(ONE)).text
    assert (
        f"On 240 test texts in Minangkabau, this run’s macro-F1 is {score.value:.1f} out of 100 "
        f"(95 % interval {score.low:.1f}–{score.high:.1f})."
    ) in text
    assert f"The best baseline, TF-IDF + logistic regression, reaches {ONE.baselines[1].scores[0].value:.1f}:" in text
    assert (
        f"this run is better by {gain.difference:.1f} (interval +{gain.low:.1f} to +{gain.high:.1f}, p < 0.001)" in text
    )


def test_the_verdict_does_not_claim_what_could_be_chance_and_says_when_the_model_is_worse() -> None:
    def told(difference: float, low: float, high: float, p: float) -> str:
        changed = ONE.comparisons[1].model_copy(update={"difference": difference, "low": low, "high": high, "p": p})
        return Page(render(ONE.model_copy(update={"comparisons": [ONE.comparisons[0], changed]}))).text

    assert "the difference of +1.0 could be chance (interval −0.5 to +2.5, p = 0.20)" in told(1.0, -0.5, 2.5, 0.2)
    assert "this run is worse by 4.0 (interval −6.0 to −2.0, p = 0.002)" in told(-4.0, -6.0, -2.0, 0.002)


def test_a_part_of_the_model_is_shown_but_is_no_rival() -> None:
    score = ONE.scores[0]
    part = Baseline(name="encoder alone", description="without the rest", seconds=0, scores=ONE.scores, ablation=True)
    gain = ONE.comparisons[0].model_copy(
        update={"against": "encoder alone", "difference": 0.0, "low": -1.0, "high": 1.0}
    )
    both = {"baselines": [part, *ONE.baselines], "comparisons": [gain, *ONE.comparisons]}
    text = Page(render(ONE.model_copy(update=both))).text
    assert "The best baseline, TF-IDF + logistic regression, reaches" in text
    assert f"encoder alone without the rest {score.value:.1f}" in re.sub(
        r"encoder alone \d\S*, interval \S+ ", "", text
    )


def test_sections_stand_in_order() -> None:
    rest = ["labels", "examples", "data", "vocabulary", "training", "reproduce"]
    assert Page(render(ONE)).headings() == ["scores", *rest]
    assert Page(render(SEVERAL)).headings() == ["scores", "languages", *rest]


def test_facts_of_every_section_are_on_the_page() -> None:
    text = Page(render(ONE)).text
    for fact in (
        "Feelings", "2026-11-21", "CC-BY-SA-4.0", "Somebody 2026. A book.", "2 rows of train are in test",
        "train.csv:7", "1 234", "how majority class works", "no GPU here", "1.53", "9 821 of the 37 102",
        "250 002", "312 new tokens", "2.17", "83.4",
        "update 75", "best 81.3, update 75", "1 000 of 100 000 (1 %)", "4 min 20 s", "Lamak bana!", "probability 97 %",
        "lowres run feelings.yaml", "name: Feelings", "f" * 64, "torch 2.13.0", ONE.scores[0].signature,
        "Paired approximate randomisation", "stopped early",
    ):  # fmt: skip
        assert fact in text, fact
    assert "somewhere/deep" not in text


def test_every_language_has_a_row_with_its_scores() -> None:
    page = Page(render(SEVERAL))
    table = page.text.partition("Language by language")[2].partition("How good is it for each label")[0]
    values = [s.value for s in SEVERAL.scores if s.language and s.label is None and s.name == "macro-F1"]
    for name, value in zip(("Minangkabau", "Indonesian", "Javanese"), values, strict=True):
        assert re.search(rf"{name} \S+ .*?{value:.1f}", table)
    assert table.count("better") >= 3
    assert "this run’s average macro-F1" in page.text


def test_language_identification_names_its_labels() -> None:
    tags = ["min-Latn", "ind-Latn", "jav-Latn"]
    record = sample(tags, tags)
    page = Page(render(record))
    assert "languages" not in page.headings()
    assert re.search(r"Javanese jav-Latn .* 240", page.text.partition("How good is it for each label")[2])
    assert "average" not in page.text.partition("How good")[0]


@pytest.mark.parametrize(
    "missing",
    ["plan", "data", "vocabulary", "training", "confusion", "transfer", "cost", "environment"],
)
def test_a_missing_part_leaves_the_rest_whole(missing: str) -> None:
    text = Page(render(SEVERAL.model_copy(update={missing: None}))).text
    assert "How to reproduce" in text and "None" not in text and "macro-F1 is" in text


@pytest.mark.parametrize("missing", ["scores", "baselines", "comparisons", "examples"])
def test_an_empty_part_leaves_the_rest_whole(missing: str) -> None:
    text = Page(render(SEVERAL.model_copy(update={missing: []}))).text
    assert "How to reproduce" in text and "None" not in text


@pytest.mark.parametrize("status", ["failed", "interrupted", "running"])
def test_an_unfinished_run_says_so_before_all_else(status: Any) -> None:
    record = Record(status=status, recipe=ONE.recipe, error="the loss is not a number at update 7")
    page = Page(render(record))
    assert page.headings() == ["reproduce"]
    assert page.text.index(status) < page.text.index("How to reproduce")
    assert "the loss is not a number at update 7" in page.text
    assert ("div", {"class": "status", "role": "alert"}) in page.tags
    assert 'role="alert"' not in render(ONE)


def test_a_model_that_always_says_the_same_and_a_small_test_set_are_pointed_out() -> None:
    record = sample(["min-Latn"], texts=60).model_copy(
        update={"confusion": confusion(["negative", "neutral"] * 30, ["neutral"] * 60, LABELS)}
    )
    text = Page(render(record)).text
    assert "Only 60 test texts" in text
    assert "The same label is predicted for every text, “neutral”" in text
    assert "Caution" not in Page(render(ONE)).text


def test_the_answering_system_is_named_with_the_number_of_its_directions() -> None:
    tags = ["min-Latn", "ind-Latn", "jav-Latn"]
    mixed = dict(zip(tags, ["phrase table", "phrase table", "neural model"], strict=True))
    page = Page(render(SEVERAL.model_copy(update={"answers": mixed})))
    assert (
        "Its answers come from the phrase table in 2 of 3 languages and from the neural model in 1 of 3 languages."
        in page.text
    )
    assert page.text.count("phrase table") == 3  # the sentence, and a row for each of the two languages
    alone = Page(render(SEVERAL.model_copy(update={"answers": dict.fromkeys(tags, "phrase table")})))
    assert "Its answers come from the phrase table." in alone.text
    assert "answers from" not in Page(render(SEVERAL)).text


def test_cautions_count_independent_texts() -> None:
    record = sample(["min-Latn", "ind-Latn", "jav-Latn"], texts=80)
    text = Page(render(record)).text
    assert "Only 80 independent test texts (240 rows, but translations of one text count once)" in text


def test_findings_of_the_evaluation_and_unknown_bounds_are_shown() -> None:
    finding = FindingFact(level="warning", what="label “neutral” has no row in test")
    first = SEVERAL.scores[0].model_copy(update={"high": math.inf})
    record = SEVERAL.model_copy(update={"findings": [finding], "scores": [first, *SEVERAL.scores[1:]]})
    html = render(Record.model_validate_json(record.model_dump_json()))
    text = Page(html).text
    assert "label “neutral” has no row in test" in text and "not estimable" in text
    assert "inf%" not in html


@pytest.mark.skipif(chromium() is None, reason="there is no Chromium here")
def test_the_page_fits_screens_of_every_width(tmp_path: Path) -> None:
    """Nothing is wider than the screen but tables that scroll in a box of their own, where the names of their rows stay in sight."""
    place = "django-messages:django/contrib/humanize/locale/hsb/LC_MESSAGES/django.po:34"
    finding = FindingFact(level="warning", what="the same text on both sides", where=place)
    (tmp_path / "page.html").write_text(render(ONE.model_copy(update={"findings": [finding]})), encoding="utf-8")
    table = "document.querySelector('#scores .scroll')"
    with browser(tmp_path / "profile") as page:
        for width in (1280, 900, 390):
            page.open((tmp_path / "page.html").as_uri(), width, 900)
            page.until(f"document.readyState === 'complete' && {table}")
            assert page.ask("document.documentElement.scrollWidth") == width
            wider = page.ask(f"{table}.scrollWidth - {table}.clientWidth")
            assert wider == 0 if width > 600 else wider > 0
        page.ask(f"{table}.scrollLeft = 1000")
        name = page.ask(f"{table}.querySelector('tbody th').getBoundingClientRect().left")
        assert 0 <= name < 30


def test_a_part_of_the_run_is_compared_in_words() -> None:
    part = ONE.baselines[1].model_copy(update={"name": "model alone", "ablation": True})
    gain = ONE.comparisons[1].model_copy(update={"against": "model alone"})
    both = {"baselines": [*ONE.baselines, part], "comparisons": [*ONE.comparisons, gain]}
    assert "By comparison, “model alone” reaches" in Page(render(ONE.model_copy(update=both))).text


EVIL = "</style></svg><script>alert(1)</script><img src=x onerror=alert(1)>\"'><a href=javascript:alert(1)>{{7*7}}"


def poisoned(value: object) -> object:
    """Every free text of a record, made evil."""
    if isinstance(value, str):
        return EVIL
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    if isinstance(value, dict):
        return {
            key: item if key in ("status", "level", "split", "verdict", "better", "unit") else poisoned(item)
            for key, item in value.items()
        }
    return value


def test_no_text_of_the_record_becomes_markup() -> None:
    honest = Page(render(ONE))
    evil = Record.model_validate(poisoned(ONE.model_dump()))
    for record in (evil, ONE.model_copy(update={"recipe": evil.recipe, "examples": evil.examples, "data": evil.data})):
        html = render(record)
        page = Page(html)
        assert {tag for tag, _ in page.tags} <= {tag for tag, _ in honest.tags} | {"blockquote", "div"}
        assert not [a for _, attributes in page.tags for a in attributes if a.startswith("on")]
        assert EVIL in page.text and "49" not in page.text.partition("How to reproduce")[2]


def test_labels_that_are_markup_stay_text_in_tables_and_drawings() -> None:
    record = sample(["min-Latn"], ["<b>yes</b>", '"><script>alert(1)</script>'])
    page = Page(render(record))
    assert "script" not in {tag for tag, _ in page.tags} and "b" not in {tag for tag, _ in page.tags}
    assert "<b>yes</b>" in page.text


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    html = render(SEVERAL)
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "embed", "image", "use", "base"} & {
        tag for tag, _ in page.tags
    }
    assert not [
        a for _, attributes in page.tags for a in attributes if a in ("src", "href", "srcset", "xlink:href", "action")
    ]
    assert "url(" not in html and "@import" not in html
    policy = next(
        a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy and policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")


def test_texts_carry_their_language_and_direction() -> None:
    example = Example(
        id="1", language="urd-Arab", text="یہ اچھا ہے", reference="positive", prediction="negative", confidence=0.9
    )
    html = render(ONE.model_copy(update={"examples": [example, *ONE.examples]}))
    assert '<bdi lang="ur-Arab" dir="rtl">یہ اچھا ہے</bdi>' in html
    assert '<bdi lang="min-Latn" dir="ltr">Lamak bana!</bdi>' in html
    unknown = example.model_copy(update={"language": "not a tag-Arab"})
    assert '<bdi lang="und" dir="rtl">' in render(ONE.model_copy(update={"examples": [unknown]}))


def test_tables_have_captions_and_drawings_have_words() -> None:
    page = Page(render(SEVERAL))
    names = [tag for tag, _ in page.tags]
    assert names.count("table") == names.count("caption") > 5
    drawings = [attributes for tag, attributes in page.tags if tag == "svg" and attributes.get("role") == "img"]
    assert len(drawings) > 8 and all(drawing["aria-label"] for drawing in drawings)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a}
    assert targets <= set(ids)


def test_many_labels_are_told_by_their_mistakes() -> None:
    labels = [f"label {i}" for i in range(40)]
    page = Page(render(sample(["min-Latn"], labels)))
    assert "the whole matrix of 40 labels is in record.json" in page.text
    assert "Test texts by true label (rows)" not in page.text


def test_the_page_is_a_pure_function_of_the_record() -> None:
    assert render(SEVERAL) == render(Record.model_validate_json(SEVERAL.model_dump_json()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb\u2066c", "a⟨U+202E⟩b⟨U+2066⟩c"),
        ("\x1b[2J\x07\x7f\x9b", "␛[2J␇␡⟨U+009B⟩"),
        ("\ufeffa\u2028b\ud800", "⟨U+FEFF⟩a⟨U+2028⟩b⟨U+D800⟩"),
        ("x\U000e0041y", "x⟨U+E0041⟩y"),
        ("می\u200cخواهم ක්\u200dෂ", "می\u200cخواهم ක්\u200dෂ"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("n’áná t͡ʃ ọ̀rọ̀", "n’áná t͡ʃ ọ̀rọ̀"),
    ],
)
def test_invisible_characters_are_shown_and_letters_are_left_alone(text: str, shown: str) -> None:
    assert visible(text) == shown
    html = render(ONE.model_copy(update={"recipe": ONE.recipe.model_copy(update={"description": text})}))
    assert shown in html and html.encode()


def test_a_record_whose_facts_do_not_fit_together_is_refused_in_a_line() -> None:
    record = sample(["min-Latn"], LABELS)
    assert record.plan is not None
    damaged = record.model_copy(update={"plan": record.plan.model_copy(update={"quantize": ""})})
    with pytest.raises(ModelError, match="its facts do not fit together"):
        render(damaged)
