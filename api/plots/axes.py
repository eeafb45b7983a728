"""The axis that a drawing has for a figure."""

from jobs.metrics import Figure


def label(figure: Figure, *, with_stage: bool = True) -> str:
    """Such as `training loss (nats, log scale)`; without the stage for an axis of both."""
    stage = f"{figure.stage} " if figure.stage and with_stage else ""
    unit = "%" if figure.percent else figure.unit
    more = ", ".join(filter(None, (unit, "log scale" if figure.log else "")))
    return f"{stage}{figure.axis or figure.title.lower()}" + (f" ({more})" if more else "")


def scale(figure: Figure) -> float:
    """By which a figure is multiplied to be in the axis's unit."""
    return 100 if figure.percent else 1
