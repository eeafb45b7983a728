"""The memory that a training needs, estimated by its spec before it is accepted."""

from jobs.spec import JobSpec

IMAGES_AT_ONCE = {"cpu": 256, "cuda": 8192}
"""A larger batch is trained in parts of this many images, and as many are evaluated at once."""
TRAINED_BYTES = 1_400_000
"""Of an image: what is kept until its gradient is computed, and the gradients; 1.3 MB for gelu, 0.8 MB for relu."""
SLOPE_BYTES = 235_000
"""Of an image, for each parameter that is learnt: the slope by it at each element that is activated."""
FORMULA_BYTES = {"cpu": 25_000_000, "cuda": 200_000_000}
"""A formula's temporary values: a dozen, for one block of elements."""
EVALUATED_BYTES = 400_000
"""Of an image that is only evaluated."""
PARAMETERS = 1_199_882
COPIES = {"sgd": 0, "rmsprop": 1, "adam": 2, "adamw": 2}
"""Numbers that an optimizer keeps for each weight, without momentum."""
DATA_BYTES = 70_000 * (28 * 28 + 8)
"""All images, a byte for each pixel, and their labels."""


def estimate_training_mb(spec: JobSpec) -> float:
    """Estimate the memory of the device in MB, without that of torch itself; `auto` is taken for cuda."""
    device = "cpu" if spec.device == "cpu" else "cuda"
    at_once = IMAGES_AT_ONCE[device]
    trained = min(spec.batch_size, at_once, spec.train_samples or spec.images_left_for_training)
    slopes = len(spec.trainable.parameters) if spec.trainable else 0
    of_images = max(trained * (TRAINED_BYTES + slopes * SLOPE_BYTES), at_once * EVALUATED_BYTES)
    of_formula = FORMULA_BYTES[device] if spec.formula or spec.trainable else 0
    copies = 3 + COPIES[spec.optimizer.name] + bool(spec.optimizer.momentum)  # gradients; weights before an update
    return (of_images + of_formula + PARAMETERS * 4 * copies + DATA_BYTES) / 1e6
