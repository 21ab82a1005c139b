"""Several systems on the same rows: pairs are tested together, seeds are told from test rows, and what cannot be told is said."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from lowres.cli import lowres
from lowres.errors import DataError
from lowres.evaluation.classification_statistics import count
from lowres.evaluation.prediction_files import read_predictions, statistics_of
from lowres.evaluation.ranking import Ranking, System, rank
from lowres.evaluation.resampling import Resampling
from lowres.evaluation.sufficient_statistics import SufficientStatistics

LABELS = ["negative", "positive"]
TRUE = [LABELS[number % 2] for number in range(200)]
SETTINGS = Resampling(0.95, 200, 7)


def noisy(right: float, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [label if rng.random() < right else LABELS[label == "negative"] for label in TRUE]


def counted(predicted: Sequence[str]) -> SufficientStatistics:
    return count(TRUE, predicted, ["min-Latn"] * 200, LABELS)


def ranked(*systems: tuple[str, Sequence[Sequence[str]]]) -> Ranking:
    return rank([System(name, tuple(counted(one) for one in runs)) for name, runs in systems], SETTINGS)


def test_systems_stand_from_best_to_worst_and_pairs_are_corrected_together() -> None:
    found = ranked(("a", [noisy(0.6, 1)]), ("b", [noisy(0.95, 2)]), ("c", [noisy(0.61, 3)]))
    assert found.systems[0].name == "b" and len(found.pairs) == 3
    assert found.pairs[0].comparison.test.endswith("Holm correction over 3 pairs of systems")
    clear = {(pair.better, pair.worse) for pair in found.pairs if pair.comparison.clear}
    assert clear == {("b", "a"), ("b", "c")}
    told = " | ".join(found.findings)
    assert "b is better than a by" in told and "200 independent test texts are too few to tell apart:" in told
    assert "one seed only: b, " in told
    assert all(pair.beyond_seeds is None for pair in found.pairs)


def test_equal_systems_are_not_ranked() -> None:
    found = ranked(("a", [noisy(0.7, 1)]), ("b", [noisy(0.7, 2)]))
    assert found.findings[0] == (
        "200 independent test texts are too few to rank these systems: no difference is clear"
    )  # fmt: skip


def test_seed_spread_is_the_deviation_of_the_runs_and_no_part_of_the_interval() -> None:
    runs = [noisy(0.9, seed) for seed in (1, 2, 3)]
    (one,) = ranked(("a", runs)).systems
    values = [float(counted(run).primary_values(counted(run).total[None])[0, 0]) for run in runs]
    assert one.by_seed == pytest.approx(values)
    mean = sum(values) / 3
    assert one.seed_spread == pytest.approx((sum((value - mean) ** 2 for value in values) / 2) ** 0.5)
    assert one.score.value == pytest.approx(mean, abs=0.2)
    assert one.score.low < one.score.value < one.score.high and "|seeds:3|" in one.score.signature


def test_a_difference_that_seeds_could_make_is_not_claimed() -> None:
    """One system is much better with one seed of two; the test rows alone would call the difference clear."""
    found = ranked(("steady", [noisy(0.6, 1), noisy(0.6, 2)]), ("moody", [noisy(0.99, 3), noisy(0.6, 4)]))
    (pair,) = found.pairs
    assert (pair.better, pair.comparison.clear, pair.beyond_seeds) == ("moody", True, False)
    assert "moody and steady differ no more than their seeds do" in found.findings
    assert not [text for text in found.findings if "is better than" in text]


def test_other_rows_are_refused() -> None:
    shorter = count(TRUE[:100], TRUE[:100], ["min-Latn"] * 100, LABELS)
    with pytest.raises(ValueError, match="different rows"):
        rank([System("a", (counted(TRUE),)), System("b", (shorter,))], SETTINGS)


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def labelled(predicted: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"id": str(number), "language": "min-Latn", "text": f"kalimaik {number}", "reference": true, "prediction": said}
        for number, (true, said) in enumerate(zip(TRUE, predicted, strict=True))
    ]


def translated(words: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "id": str(number), "cluster": str(number // 2), "source_language": "ind-Latn", "target_language": "min-Latn",
            "source": f"rumah {number}", "reference": f"rumah gadang nan ka {number}", "prediction": f"{word} nan ka {number}",
        }
        for number, word in enumerate(words)
    ]  # fmt: skip


def test_rows_are_matched_whatever_their_order_and_clusters_are_kept(tmp_path: Path) -> None:
    rows = translated(["rumah"] * 10)
    one = write(tmp_path / "a.jsonl", rows)
    other = write(tmp_path / "b.jsonl", list(reversed(rows)))
    first, second = statistics_of([read_predictions(one), read_predictions(other)])
    assert first.clusters == 5
    one_cluster = np.array([1.0, 0, 0, 0, 0])
    assert (first.total == second.total).all() and (first.weighted(one_cluster) == second.weighted(one_cluster)).all()


def test_files_that_do_not_belong_together_are_refused_with_what_differs(tmp_path: Path) -> None:
    one = read_predictions(write(tmp_path / "a.jsonl", labelled(TRUE)))
    fewer = read_predictions(write(tmp_path / "b.jsonl", labelled(TRUE)[1:]))
    with pytest.raises(
        DataError, match=r"b\.jsonl  1 rows of .*a\.jsonl are not in it, and 0 others are \(such as “kalimaik 0”\)"
    ):
        statistics_of([one, fewer])
    with pytest.raises(DataError, match=r"holds translations, and .* labels"):
        statistics_of([one, read_predictions(write(tmp_path / "c.jsonl", translated(["rumah"])))])
    (tmp_path / "d.jsonl").write_text('{"id": "1"}\n', encoding="utf-8")
    with pytest.raises(
        DataError, match=r"d\.jsonl:1  is not a row of predictions \(a line has the keys source_language"
    ):
        read_predictions(tmp_path / "d.jsonl")
    with pytest.raises(DataError, match=r"no\.jsonl  cannot be read"):
        read_predictions(tmp_path / "no.jsonl")


def test_the_command_compares_folders_and_seeds(tmp_path: Path) -> None:
    for name, right, seed in (("good-1", 0.95, 1), ("good-2", 0.94, 2), ("bad-1", 0.6, 3), ("bad-2", 0.61, 4)):
        write(tmp_path / name / "predictions.jsonl", labelled(noisy(right, seed)))
    systems = [",".join(str(tmp_path / f"{name}-{number}") for number in (1, 2)) for name in ("bad", "good")]
    answer = CliRunner().invoke(lowres, ["compare", *systems, "--resamples", "100"])
    assert answer.exit_code == 0, answer.output
    assert answer.output.startswith("good-1  macro-F1 9") and "2 seeds, standard deviation" in answer.output
    assert "good-1 is better than bad-1 by" in answer.output
    answer = CliRunner().invoke(lowres, ["compare", *systems, "--resamples", "100", "--json"])
    facts = json.loads(answer.output)
    assert [one["name"] for one in facts["systems"]] == ["good-1", "bad-1"]
    assert facts["pairs"][0]["clear"] is True and facts["pairs"][0]["comparison"]["p"] < 0.001
