"""Why a solver stopped, and what to do about it."""

from __future__ import annotations

from enum import Enum


class Result(Enum):
    """(what happened, likely causes and the argument to change)."""

    CONVERGED = ("the residual at unseen points is below the goal", "")
    STALLED = (
        "the residual at unseen points no longer falls",
        (
            "the net is too small for the solution (width=, depth=), or it started in a poor place"
            " (seed=, scale=)"
        ),
    )
    OVERFITTED = (
        "the residual at unseen points rises while that at the training points falls",
        "there are too few points for the net (points=)",
    )
    MAX_ITERATIONS = (
        "the residual still fell when the iterations were over",
        "give more of them (iterations=)",
    )
    MAX_FEATURES = (
        "the features were used up before they were enough",
        "give more of them (features=)",
    )
    RANK_DEFICIENT = (
        "the unknowns are linearly dependent to rounding: more of them bring nothing",
        "the random weights are too small for the solution (scale=), or the solution is not smooth",
    )
    NOT_FINITE = (
        "the loss is not finite",
        (
            "look for a singularity of a coefficient or source in the domain, or try another start"
            " (seed=)"
        ),
    )

    def __str__(self) -> str:
        what, remedy = self.value
        return f"{self.name}: {what}" + (f"; {remedy}" if remedy else "")
