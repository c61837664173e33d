"""The options of the PINN backend, checked."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch

from ...problem.errors import BackendMissingError, ProblemError

METHODS = ("auto", "random-features", "lm", "ssbfgs", "adam")


@dataclass(frozen=True)
class Options:
    """method: "auto" is "random-features", least squares for the last layer of a random one-layer net, which linear problems allow;
    "lm" (Levenberg-Marquardt), "ssbfgs" (self-scaled BFGS) and "adam" train all weights of a net of `depth` x `width`.
    features: the largest number of random features, those of all components counted; scale: standard deviation of their weights (None: chosen
    by the held-out residual).
    iterations: of a training method (None: its default); points: collocation points (None: by the number of unknowns).
    """

    method: str = "auto"
    seed: int = 0
    features: int = 1600
    scale: float | None = None
    width: int = 24
    depth: int = 2
    iterations: int | None = None
    points: int | None = None
    device: str = "cpu"

    @property
    def chosen(self) -> str:
        """The method that "auto" stands for."""
        return "random-features" if self.method == "auto" else self.method

    @property
    def trains(self) -> bool:
        """Whether all weights are trained, not the last layer alone."""
        return self.chosen != "random-features"


def read_options(given: dict[str, Any]) -> Options:
    """ProblemError for an unknown name or method, BackendMissingError for a device that is not there."""
    known = [f.name for f in fields(Options)]
    for name in given:
        if name not in known:
            raise ProblemError(f"the PINN backend has no option {name!r}", remedy="its options are " + ", ".join(known))
    options = Options(**given)
    if options.method not in METHODS:
        raise ProblemError(f"the PINN backend has no method {options.method!r}", remedy="use one of " + ", ".join(METHODS))
    for name in ("features", "width", "depth"):
        if getattr(options, name) < 1:
            raise ProblemError(f"the option {name} is a positive number", term=getattr(options, name))
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        raise BackendMissingError("this torch sees no CUDA device", term=options.device, remedy='use device="cpu"')
    return options
