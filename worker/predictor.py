"""Predictions for clients: on a hint in an idle process, between two batches in one that trains. No torch here."""

import logging
import math
from collections.abc import Callable
from typing import Any, Protocol

from db import predictions
from db.models import Checkpoint
from db.predictions import Answer, Image, PredictionRequest
from db.session import Sessions
from jobs.errors import (
    CheckpointDamaged,
    DatabaseUnavailable,
    InternalError,
    NoCheckpoint,
    StorageUnavailable,
    UnsupportedSpec,
)
from jobs.spec import JobSpec
from jobs.stored import parse_spec
from storage.checkpoints import Listed

log = logging.getLogger(__name__)

Classifier = Callable[[Image], list[float]]
BuildClassifier = Callable[[JobSpec, Any], Classifier]
"""Takes a spec and the tensors of a checkpoint; worker/training/classifier.py has the real one."""


class Checkpoints(Protocol):
    """The part of worker/checkpoint.py that a predictor needs."""

    def load(self, checkpoint: Listed) -> Any: ...  # noqa: ANN401  # of torch, which this module does not know


class Predictor:
    """Answers requests and never raises, because a prediction must not end a training.

    A client gets the code of an error as the answer, or none within its timeout where the database is away. The last
    classifier is kept: the next request is often for the same job.
    """

    def __init__(self, sessions: Sessions, checkpoints: Checkpoints, build_classifier: BuildClassifier) -> None:
        self._sessions = sessions
        self._checkpoints = checkpoints
        self._build_classifier = build_classifier
        self._last: tuple[str, Classifier] | None = None

    def answer(self, prediction_id: str) -> None:
        """Answer this request, unless another process took it or its client withdrew it."""
        self.take_and_answer(prediction_id)

    def answer_waiting(self) -> None:
        """Answer a few requests that idle processes have left; the training waits meanwhile."""
        self.take_and_answer(None)

    def take_and_answer(self, prediction_id: str | None) -> None:
        try:
            with self._sessions.begin() as session:
                requests = predictions.take(session, prediction_id)
            answers = {request.id: self.make_answer(request) for request in requests}
            with self._sessions.begin() as session:
                for request_id, answer in answers.items():
                    predictions.answer(session, request_id, answer)
        except DatabaseUnavailable as error:
            log.warning("predictions stay unanswered: %s", error)

    def make_answer(self, request: PredictionRequest) -> Answer:
        try:
            return self.classify(request)
        except (NoCheckpoint, UnsupportedSpec) as error:
            return Answer(error_code=error.code)
        except OSError as error:
            log.warning("job %s: its checkpoints cannot be read: %s", request.job_id, error)
            return Answer(error_code=StorageUnavailable.code)
        except Exception:
            log.exception("job %s: a prediction failed with an unexpected error", request.job_id)
            return Answer(error_code=InternalError.code)

    def classify(self, request: PredictionRequest) -> Answer:
        """Classify the image with the newest undamaged checkpoint.

        Raises:
            NoCheckpoint: there is none.
            UnsupportedSpec: the job is of another version.
        """
        spec = parse_spec(request.spec)
        for checkpoint in request.checkpoints:
            try:
                classifier = self.load_classifier(spec, checkpoint)
            except CheckpointDamaged as error:
                log.warning("job %s: %s; trying the one before it", request.job_id, error)
            else:
                return Answer(epoch=checkpoint.epoch, probabilities=require_finite(classifier(request.image)))
        raise NoCheckpoint

    def load_classifier(self, spec: JobSpec, checkpoint: Checkpoint) -> Classifier:
        if self._last is None or self._last[0] != checkpoint.path:
            tensors = self._checkpoints.load(checkpoint)
            self._last = checkpoint.path, self._build_classifier(spec, tensors)
        return self._last[1]


def require_finite(probabilities: list[float]) -> list[float]:
    """Return the probabilities. Raises FloatingPointError where one is not finite: JSON has no such numbers."""
    if not all(map(math.isfinite, probabilities)):
        raise FloatingPointError("the network's outputs are not finite")
    return probabilities
