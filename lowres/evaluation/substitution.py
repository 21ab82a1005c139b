"""stub"""

from lowres.evaluation.baselines import BaselineRun


def copied(pairs):
    return BaselineRun("copy", "the source as it is", 0.0, tuple(p.source.fields["text"] for p in pairs))


def dictionary(train, pairs):
    return copied(pairs)
