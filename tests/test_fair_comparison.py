"""What a comparison may claim: labels without rows, several rivals, languages without spaces."""

import numpy as np
import pytest
from sacrebleu.metrics import BLEU as SacreBLEU
from sacrebleu.metrics import TER as SacreTER
from scipy.stats import norm

from lowres.data.corpus import Row
from lowres.evaluation.classification_scores import classification_scores, primary_metric
from lowres.evaluation.classification_statistics import labels_without_rows
from lowres.evaluation.comparison import corrected, transfer_verdict
from lowres.evaluation.resampling import Resampling
from lowres.evaluation.translation_scores import translation_scores
from lowres.evaluation.translation_statistics import tokenizer_of
from lowres.record import Comparison
from lowres.score import Score

LABELS = ["negative", "neutral", "positive"]
SETTINGS = Resampling(0.95, 100, 7)


def find(scores: list[Score], name: str, language: str | None = None) -> Score:
    return next(s for s in scores if (s.name, s.language, s.label) == (name, language, None))


def test_a_perfect_classifier_scores_100_though_a_label_has_no_row() -> None:
    true = ["negative", "positive"] * 10
    scores = classification_scores(true, true, ["min-Latn"] * 20, LABELS, split="test", resampling=SETTINGS)
    assert find(scores, "macro-F1").value == 100
    assert scores[0].signature.startswith("macro-F1|labels:2/3|average:rows|")
    assert {score.label for score in scores} == {None, "negative", "positive"}
    rows = [Row(str(i), str(i), "min-Latn", {"text": "", "label": label}) for i, label in enumerate(true)]
    assert primary_metric(rows, true, LABELS) == 100
    (warning,) = labels_without_rows(true, ["min-Latn"] * 20, LABELS, "test")
    assert (warning.level, warning.what) == (
        "warning", "label “neutral” has no row in test; macro-F1 is the mean over the other labels"
    )  # fmt: skip


def test_predicting_a_label_without_rows_still_costs() -> None:
    true = ["negative", "positive"] * 10
    predicted = ["neutral", *true[1:]]
    scores = classification_scores(true, predicted, ["min-Latn"] * 20, LABELS, split="test", resampling=SETTINGS)
    assert find(scores, "macro-F1").value == pytest.approx(100 * (2 * 9 / 19 + 1) / 2)


def test_a_language_without_a_label_is_scored_over_its_others() -> None:
    true = LABELS * 10 + ["negative", "positive"] * 10
    languages = ["min-Latn"] * 30 + ["jav-Latn"] * 20
    scores = classification_scores(true, true, languages, LABELS, split="test", resampling=SETTINGS)
    assert [find(scores, "macro-F1", tag).value for tag in (None, "min-Latn", "jav-Latn")] == [100, 100, 100]
    by_label = {s.label: s.value for s in scores if s.name == "recall" and s.language is None}
    assert by_label == dict.fromkeys(LABELS, 100)
    assert not [s for s in scores if (s.language, s.label) == ("jav-Latn", "neutral")]
    (warning,) = labels_without_rows(true, languages, LABELS, "test")
    assert "“neutral” has no row in test in jav-Latn" in warning.what
    assert not labels_without_rows(LABELS, ["a", "b", "c"], LABELS, "test")  # language identification


def test_several_equal_rivals_do_not_hurt_more_often_than_one() -> None:
    """Scores of a run and its rivals are normal around the same mean: p values and intervals are those of their differences."""
    rng = np.random.default_rng(11)
    verdicts = []
    for _ in range(1500):
        ours, *theirs = rng.normal(0, np.sqrt(0.5), 4)
        differences = ours - np.array(theirs)  # of standard deviation 1
        p = 2 * norm.sf(np.abs(differences))
        verdicts.append(
            transfer_verdict(
                [comparison(str(k), differences[k], p[k], norm.isf(0.025)) for k in range(3)],
            ).verdict
        )
    assert (
        verdicts.count("hurts") <= 0.025 * 1500 + 12
    )  # 2.5 %, and two standard deviations; uncorrected it is about 5.5 %
    assert verdicts.count("helps") <= 0.025 * 1500


def comparison(against: str, difference: float, p: float, margin: float = 2.0) -> Comparison:
    return Comparison(
        against=against, score="macro-F1", difference=difference, low=difference - margin, high=difference + margin,
        confidence=0.95, p=p, test="a test",
    )  # fmt: skip


def test_p_values_are_corrected_over_the_baselines() -> None:
    raw = [comparison("a", 5, 0.01), comparison("b", 4, 0.03), comparison("c", 3, 0.02)]
    found = corrected([*raw, comparison("a", 1, 0.5).model_copy(update={"language": "min-Latn"})])
    assert [c.p for c in found] == pytest.approx([0.03, 0.04, 0.04, 0.5])
    assert found[0].test == "a test, Holm correction over 3 baselines" and found[3].test == "a test"
    assert corrected(raw[:1]) == raw[:1]
    assert transfer_verdict(raw).verdict == "helps"
    assert transfer_verdict([comparison("a", -5, 0.03), comparison("b", -1, 0.4), comparison("c", 1, 0.6)]).verdict == (
        "no clear difference"
    )
    hurts = transfer_verdict([comparison("a", -6, 0.3, margin=9), comparison("b", -5, 0.0001), comparison("c", 1, 0.6)])
    assert hurts.verdict == "hurts" and "best baseline, b" in hurts.why
    assert transfer_verdict([comparison("a", 5, 0.001), comparison("b", 3, 0.3)]).verdict == "no clear difference"


CHINESE = ["今天天气很好,我们去公园散步。", "这本书我已经读完了。", "请把门关上。"]
TRANSLATED = ["今天天气很好,我们去公园走走。", "这本书我读完了。", "请把门关上。"]
THAI = ["วันนี้อากาศดีมาก เราไปเดินเล่นในสวน", "ฉันอ่านหนังสือเล่มนี้จบแล้ว", "กรุณาปิดประตู"]


@pytest.mark.parametrize(
    ("direction", "tokenizer"),
    [
        ("eng-Latn→zho-Hans", "zh"), ("eng-Latn→yue-Hant", "zh"), ("eng-Latn→tha-Thai", "char"), ("zho-Hans→eng-Latn", "13a"),
        ("eng-Latn→mya-Mymr", "char"), ("eng-Latn→bod-Tibt", "char"), ("eng-Latn→hin-Deva", "13a"), ("a→b", "13a"),
    ],
)  # fmt: skip
def test_bleu_splits_words_by_the_target_language(direction: str, tokenizer: str) -> None:
    assert tokenizer_of(direction) == tokenizer


def test_bleu_of_chinese_is_sacrebleus_and_ter_is_left_out() -> None:
    scores = translation_scores(
        CHINESE, TRANSLATED, ["eng-Latn→zho-Hans"] * 3, split="test", resampling=SETTINGS
    )  # fmt: skip
    theirs = SacreBLEU(tokenize="zh")
    assert find(scores, "BLEU").value == pytest.approx(theirs.corpus_score(TRANSLATED, [CHINESE]).score)
    assert find(scores, "BLEU").value > 50 and "|tok:zh|" in find(scores, "BLEU").signature
    assert "TER" not in {score.name for score in scores}


def test_directions_with_and_without_spaces_are_scored_each_in_its_own_way() -> None:
    spaced = ["ambo pai ka pasa", "inyo pulang dari pasa", "anjiang lalok di rumah"]
    wrong = ["ambo pai ka rumah", "inyo pulang", "anjiang lalok di rumah"]
    references, hypotheses = [*THAI, *spaced], [*THAI[:2], "ปิดประตู", *wrong]
    directions = ["eng-Latn→tha-Thai"] * 3 + ["eng-Latn→min-Latn"] * 3
    scores = translation_scores(references, hypotheses, directions, split="test", resampling=SETTINGS)
    thai = SacreBLEU(tokenize="char").corpus_score(hypotheses[:3], [THAI]).score
    latin = SacreBLEU().corpus_score(wrong, [spaced]).score
    assert find(scores, "BLEU", directions[0]).value == pytest.approx(thai)
    assert find(scores, "BLEU", directions[3]).value == pytest.approx(latin)
    assert find(scores, "BLEU").value == pytest.approx((thai + latin) / 2)
    assert "|tok:char+13a|" in find(scores, "BLEU").signature
    assert [score.language for score in scores if score.name == "TER"] == [None, directions[3]]
    assert find(scores, "TER").value == pytest.approx(SacreTER().corpus_score(wrong, [spaced]).score)
