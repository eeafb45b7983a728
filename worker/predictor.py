"""Answering predictions: at a hint where this process is idle, between two batches where it trains. No torch here."""

import logging
import math
from collections.abc import Callable
from typing import Any, Protocol

from db import predictions
from db.models import Checkpoint
from db.predictions import Answer, Image, Question
from db.session import Sessions
from jobs.errors import CheckpointDamaged, DatabaseUnavailable, InternalError, NoCheckpoint, StorageUnavailable
from jobs.spec import JobSpec

log = logging.getLogger(__name__)

Classify = Callable[[Image], list[float]]
MakeClassifier = Callable[[JobSpec, Any], Classify]
"""Takes a spec and the tensors of a checkpoint; worker/training/classifier.py has the real one."""


class Checkpoints(Protocol):
    """What is needed of a store of checkpoints; worker/checkpoint.py has the real one."""

    def load(self, path: str, sha256: str) -> Any: ...  # noqa: ANN401  # of torch, which this module does not know


class Answering:
    """Never raises: a prediction must not end a training. Who asked is told why, or waits no longer than it would.

    The last classifier is kept, for the next question is often of the same job.
    """

    def __init__(self, sessions: Sessions, checkpoints: Checkpoints, make_classifier: MakeClassifier) -> None:
        self._sessions = sessions
        self._checkpoints = checkpoints
        self._make_classifier = make_classifier
        self._last: tuple[str, Classify] | None = None

    def answer(self, prediction_id: str) -> None:
        """At a hint; nothing where another process was quicker or nobody waits any more."""
        self._answer(prediction_id)

    def answer_waiting(self) -> None:
        """What no idle process took: a few of them, for a training is kept waiting."""
        self._answer(None)

    def _answer(self, prediction_id: str | None) -> None:
        try:
            with self._sessions.begin() as session:
                questions = predictions.take(session, prediction_id)
            answers = {question.id: self._answered(question) for question in questions}
            with self._sessions.begin() as session:
                for question_id, answer in answers.items():
                    predictions.answer(session, question_id, answer)
        except DatabaseUnavailable as error:
            log.warning("predictions stay unanswered: %s", error)

    def _answered(self, question: Question) -> Answer:
        try:
            return self._looked_at(question)
        except NoCheckpoint as error:
            return Answer(error_code=error.code)
        except OSError as error:
            log.warning("job %s: its checkpoints cannot be read: %s", question.job_id, error)
            return Answer(error_code=StorageUnavailable.code)
        except Exception:
            log.exception("job %s: a prediction met an error without a name", question.job_id)
            return Answer(error_code=InternalError.code)

    def _looked_at(self, question: Question) -> Answer:
        """Through the newest checkpoint that is whole. Raises NoCheckpoint where none is."""
        for checkpoint in question.checkpoints:
            try:
                classify = self._classifier(question.spec, checkpoint)
            except CheckpointDamaged as error:
                log.warning("job %s: %s; going back one", question.job_id, error)
            else:
                return Answer(epoch=checkpoint.epoch, probabilities=finite(classify(question.image)))
        raise NoCheckpoint

    def _classifier(self, spec: JobSpec, checkpoint: Checkpoint) -> Classify:
        if self._last is None or self._last[0] != checkpoint.path:
            tensors = self._checkpoints.load(checkpoint.path, checkpoint.sha256)
            self._last = checkpoint.path, self._make_classifier(spec, tensors)
        return self._last[1]


def finite(probabilities: list[float]) -> list[float]:
    """Raises FloatingPointError where some are not: SQL has no place for them in JSON."""
    if not all(map(math.isfinite, probabilities)):
        raise FloatingPointError("the network's outputs are not finite")
    return probabilities
