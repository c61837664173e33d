"""The options of the PINN backend, checked."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from torch.distributed import ProcessGroup

from ...problem.errors import ProblemError, UnsupportedError, shortened
from ...problem.user_input import positive_integer, positive_number
from ..arguments import require_choice
from ..devices import require_device
from .distributed import Ranks
from .minimize import Result, Watch
from .objective import ENGINES
from .optimizers import OPTIMIZERS

RANDOM_FEATURES = "random-features"
DTYPES = ("float64", "float32")
# Of a net that is trained where only the one or the other is asked for.
_WIDTH = 24
_DEPTH = 2
# Weights of the hidden layers up to which matrices of all weights pay.
_DENSE = 2300
# Numbers that a unit of the first layer has, bias included, as in two periodic dimensions.
_INPUTS = 4
# Options that one least-squares solve has no use for.
_OF_TRAININGS = ("iterations", "flavour", "dtype", "checkpoint", "callback")


def solver_names() -> tuple[str, ...]:
    """What `solver=` may say besides "auto"."""
    return (RANDOM_FEATURES, *OPTIMIZERS)


@dataclass(frozen=True)
class Options:
    """solver: "random-features", least squares for the last layer of a random one-layer net, which
    linear problems allow; the others train
    all weights of a net of `depth` x `width` (2 x 24); "auto" decides, and says why: `choice`.
    features: the largest number of random features, those of all components counted; scale:
    standard deviation of the weights of the first layer (None: chosen by the held-out residual).
    iterations: of a training solver (None: its default); points: collocation points (None: by the
    number of unknowns). flavour: the engine of a training, see `objective`; dtype: of
    a training; checkpoint: a folder from which a killed training goes on when it is begun again
    with the same options. callback: of a training, see `minimize.Watch`.
    group: processes of torch.distributed, all of which make the same call, that share the
    collocation rows of smooth problems.
    """

    solver: str = "auto"
    seed: int = 0
    features: int = 1600
    scale: float | None = None
    width: int | None = None
    depth: int | None = None
    iterations: int | None = None
    points: int | None = None
    device: str = "cpu"
    flavour: str = "auto"
    dtype: str = "float64"
    checkpoint: str | None = None
    group: ProcessGroup | None = None
    callback: Watch | None = None

    @property
    def ranks(self) -> Ranks:
        """The processes that share the work."""
        return Ranks(self.group)

    @property
    def shared(self) -> Options:
        """What has to be the same in all processes of the group."""
        return replace(self, group=None, checkpoint=None, device="", callback=None)

    @property
    def net(self) -> tuple[int, int]:
        """Width and depth of a trained net."""
        return self.width or _WIDTH, self.depth or _DEPTH

    @property
    def choice(self) -> tuple[str, str]:
        """The solver that "auto" stands for, and why."""
        if self.solver != "auto":
            return self.solver, "as asked for"
        if self.width is None and self.depth is None:
            return (
                RANDOM_FEATURES,
                "the problem is linear: one least-squares solve for the last layer of a random net",
            )
        width, depth = self.net
        if width * (_INPUTS + width * (depth - 1)) <= _DENSE:
            return (
                "varpro",
                (
                    "width or depth asks for a trained net, the loss is a sum of squares with a"
                    " linear last layer, and the net is small"
                ),
            )
        return (
            "lbfgs",
            (
                f"width or depth asks for a trained net, and one of {depth} x {width} is too large"
                " for matrices of all its weights"
            ),
        )

    @property
    def chosen(self) -> str:
        """The solver."""
        return self.choice[0]

    def solver_info(self, result: Result) -> dict[str, Any]:
        """What a solution's info says about its solver."""
        return {
            "solver": self.choice[0],
            "why": self.choice[1],
            "result": result.name,
            "advice": str(result),
            "seed": self.seed,
        }

    @property
    def trains(self) -> bool:
        """Whether all weights are trained, not the last layer alone."""
        return self.chosen != RANDOM_FEATURES


def read_options(given: Mapping[str, Any]) -> Options:
    """ProblemError for an unknown name or choice, BackendMissingError for a device that is not
    there.
    """
    known = [f.name for f in fields(Options)]
    for name in given:
        if name not in known:
            raise ProblemError(
                f"the PINN backend has no option {name!r}",
                term=f"{name}={shortened(given[name])}",
                remedy=_whose_option(name) or "its options are method, " + ", ".join(known),
            )
    options = Options(**given)
    for name, choices in (
        ("solver", ("auto", *solver_names())),
        ("flavour", ENGINES),
        ("dtype", DTYPES),
    ):
        require_choice(name, getattr(options, name), choices)
    counts = {
        name: getattr(options, name)
        for name in ("features", "width", "depth", "iterations", "points")
    }
    counts = {
        name: positive_integer(number, name)
        for name, number in counts.items()
        if number is not None or getattr(Options, name) is not None
    }
    options = replace(options, seed=require_seed(options.seed), **counts)
    if options.scale is not None:
        scale = float(
            positive_number(
                options.scale, ProblemError, "scale", "leave it out, or give a positive number"
            )
        )
        options = replace(options, scale=scale)
    require_folder(options.checkpoint)
    require_callable(options.callback)
    if options.group is not None and not isinstance(options.group, ProcessGroup):
        raise ProblemError(
            "group is a group of torch.distributed",
            term=shortened(options.group),
            remedy=(
                "call torch.distributed.init_process_group, and give torch.distributed.group.WORLD"
            ),
        )
    require_device(options.device)
    if options.trains:
        require_unused(options, ("features",), f"a trained net (solver {options.chosen})")
    else:
        require_unused(
            options,
            ("width", "depth", *_OF_TRAININGS),
            "one least-squares solve for the last layer (random features)",
        )
    return options


def _whose_option(name: str) -> str:
    """The method that has an option of this name; empty where none has."""
    from .classical.training import CellOptions, EquationOptions  # which read options by this file

    cells, equations = ({f.name for f in fields(kind)} for kind in (CellOptions, EquationOptions))
    if name in cells & equations:
        return f'{name}= is an option of method="nh-pinn", for equations also of "classical"'
    if name in cells:
        return f'{name}= is an option of method="nh-pinn" for cell problems'
    if name in equations:
        return f'{name}= is an option of method="nh-pinn" or "classical" for equations'
    return ""


def require_seed(seed: object) -> int:
    """The seed as an int that torch takes."""
    return positive_integer(seed, "seed", least=0)


def require_folder(checkpoint: object) -> None:
    """ProblemError unless `checkpoint` is None or the path of a folder."""
    if checkpoint is not None and not isinstance(checkpoint, (str, os.PathLike)):
        raise ProblemError(
            "checkpoint is the path of a folder",
            term=shortened(checkpoint),
            remedy='write checkpoint="folder"',
        )


def require_callable(callback: object) -> None:
    """ProblemError unless `callback` is None or can be called."""
    if callback is not None and not callable(callback):
        raise ProblemError(
            "callback is a function of the step, the loss and the residual at unseen points",
            term=shortened(callback),
            remedy="write callback=lambda step, loss, held_out: ...",
        )


def collocation_options(given: Mapping[str, Any]) -> Options:
    """The options of a formulation with rows, whose points follow from the features where these are
    random.
    """
    options = read_options(given)
    if not options.trains:
        require_unused(
            options, ("points",), "one least-squares solve for the last layer (random features)"
        )
    return options


def require_unused(options: Options, names: Sequence[str], what: str) -> None:
    """UnsupportedError for an option that was given although `what` does not heed it."""
    for name in names:
        if getattr(options, name) != getattr(Options, name):
            raise UnsupportedError(
                f"{what} does not heed the option {name}",
                term=f"{name}={getattr(options, name)!r}",
                remedy="leave it out",
            )
