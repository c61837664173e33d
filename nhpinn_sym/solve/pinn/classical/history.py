"""What happened in every epoch of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...solution import Array


def epoch_average(values: Array, last: int = 500) -> float:
    """The mean over the last epochs of values (epochs, ...): as errors of Adam, which fluctuates, are
    reported.
    """
    return float(values[-last:].mean())


@dataclass(frozen=True)
class History:
    """Arrays of shape (epochs,), or (epochs, nets) for one net per slow point, taken before the
    step of each epoch.

    loss: the weighted sum; terms: its terms by name, without their weights; errors: relative L2
    against each reference, by its name.
    """

    loss: Array
    terms: Mapping[str, Array]
    errors: Mapping[str, Array]

    @property
    def error(self) -> Array | None:
        """Against the first reference; None without one."""
        return next(iter(self.errors.values()), None)

    def of_one_net(self) -> History:
        """Without the axis of the nets."""
        terms, errors = (
            {name: value[:, 0] for name, value in table.items()}
            for table in (self.terms, self.errors)
        )
        return History(self.loss[:, 0], terms, errors)
