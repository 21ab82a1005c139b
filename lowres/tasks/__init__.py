"""The tasks that lowres can train: for each kind the functions that load, build, train, predict, evaluate and restore."""

from collections.abc import Mapping

from lowres.tasks.classification.job import CLASSIFICATION
from lowres.tasks.job import Job, Predictor
from lowres.tasks.pretraining.job import PRE_TRAINING
from lowres.tasks.translation.job import TRANSLATION

JOBS: Mapping[str, Job] = {
    "classification": CLASSIFICATION,
    "translation": TRANSLATION,
    "pre-training": PRE_TRAINING,
}

__all__ = ["JOBS", "Job", "Predictor"]
