"""The options of the PINN backend, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch

from ...problem.errors import BackendMissingError, ProblemError

SOLVERS = ("random-features", "varpro", "lm", "gauss-newton", "ssbfgs", "lbfgs", "adam")
METHODS = ("auto", "residual", "energy", "nh-pinn", "classical")
FLAVOURS = ("auto", "torch", "compile", "native")
DTYPES = ("float64", "float32")


@dataclass(frozen=True)
class Options:
    """solver: "random-features", least squares for the last layer of a random one-layer net, which linear problems allow; the others train
    all weights of a net of `depth` x `width`; "auto" decides.
    features: the largest number of random features, those of all components counted; scale: standard deviation of their weights (None: chosen
    by the held-out residual).
    iterations: of a training solver (None: its default); points: collocation points (None: by the number of unknowns).
    flavour: of the emitted residual in a training, see `objective`; dtype: of a training; checkpoint: a file from which a killed training goes on.
    """

    solver: str = "auto"
    seed: int = 0
    features: int = 1600
    scale: float | None = None
    width: int = 24
    depth: int = 2
    iterations: int | None = None
    points: int | None = None
    device: str = "cpu"
    flavour: str = "auto"
    dtype: str = "float64"
    checkpoint: str | None = None

    @property
    def chosen(self) -> str:
        """The solver that "auto" stands for."""
        return "random-features" if self.solver == "auto" else self.solver

    @property
    def trains(self) -> bool:
        """Whether all weights are trained, not the last layer alone."""
        return self.chosen != "random-features"


def split_method(given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The formulation that `method` names, and the other options; the name of a solver as method is taken as solver="...".

    ProblemError for a method that does not exist.
    """
    options = dict(given)
    method = options.pop("method", "auto")
    if method in SOLVERS:
        options.setdefault("solver", method)
        return "auto", options
    if method not in METHODS:
        raise ProblemError(f"the PINN backend has no method {method!r}", remedy=f"use one of {', '.join((*METHODS, *SOLVERS))}")
    return method, options


def read_options(given: Mapping[str, Any]) -> Options:
    """ProblemError for an unknown name or choice, BackendMissingError for a device that is not there."""
    known = [f.name for f in fields(Options)]
    for name in given:
        if name not in known:
            raise ProblemError(f"the PINN backend has no option {name!r}", remedy="its options are method, " + ", ".join(known))
    options = Options(**given)
    for name, choices in (("solver", ("auto", *SOLVERS)), ("flavour", FLAVOURS), ("dtype", DTYPES)):
        if getattr(options, name) not in choices:
            raise ProblemError(f"the PINN backend has no {name} {getattr(options, name)!r}", remedy="use one of " + ", ".join(choices))
    for name in ("features", "width", "depth"):
        if getattr(options, name) < 1:
            raise ProblemError(f"the option {name} is a positive number", term=getattr(options, name))
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        raise BackendMissingError("this torch sees no CUDA device", term=options.device, remedy='use device="cpu"')
    return options
