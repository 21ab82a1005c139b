"""What to do for each kind of task, from base to judgement."""

from collections.abc import Mapping

from lowres.jobs.classification import CLASSIFICATION
from lowres.jobs.job import Answerer, Job
from lowres.jobs.pretraining import PRE_TRAINING
from lowres.jobs.translation import TRANSLATION

JOBS: Mapping[str, Job] = {
    "classification": CLASSIFICATION,
    "translation": TRANSLATION,
    "pre-training": PRE_TRAINING,
}

__all__ = ["JOBS", "Answerer", "Job"]
