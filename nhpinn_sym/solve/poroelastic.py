"""Biot's coefficient and modulus of an elastic skeleton with a fluid in its pores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from ..derive.model import HomogenizedModel
from ..derive.poroelastic import with_pore_pressure
from ..problem.errors import ProblemError
from ..problem.pictures import Drawing
from ..problem.user_input import instance, positive_number
from .arguments import as_numbers
from .backend_choice import AUTO
from .cells import solve_cells
from .effective_view import draw_tensors, tensor_latex, tensor_text
from .progress import Progress
from .solution import Array

# Asymmetry of a stiffness, relative to its size, that is no error of the elements.
_SAME = 1e-6


@dataclass(frozen=True, eq=False)
class Biot:
    """An elastic skeleton and what the pressure p in its pores does: the mean stress is C e(u) -
    alpha p, and alpha : e(u) + p/M the fluid that a volume takes in.

    stiffness   : C[i, k, j, l] of the drained skeleton, (d, d, d, d)
    alpha       : Biot's coefficient, (d, d)
    porosity    : phi, the share of the pores
    compression : what pores gain in volume as p presses the solid: 1/M = phi/K_f + compression
    info        : that of the solved cell problems

    >>> biot = nh.Biot(np.ones((2, 2, 2, 2)), np.eye(2) / 2, porosity=0.25, compression=0.1)
    >>> biot.modulus(fluid=2.5)
    5.0
    """

    stiffness: Array
    alpha: Array
    porosity: float
    compression: float
    info: Mapping[str, Any] | None = None

    def modulus(self, fluid: float) -> float:
        """Biot's M for a fluid of that bulk modulus K_f."""
        bulk = positive_number(fluid, ProblemError, "the bulk modulus", "write fluid=2.2")
        return 1 / (self.porosity / float(bulk) + self.compression)

    def undrained(self, fluid: float) -> Array:
        """C + M alpha alpha: the stiffness where no fluid flows (Gassmann 1951), (d, d, d, d)."""
        return self.stiffness + self.modulus(fluid) * np.einsum(
            "ik,jl->ikjl", self.alpha, self.alpha
        )

    def __repr__(self) -> str:
        alpha = tensor_text(self.alpha).replace("\n", "")
        return (
            f"skeleton with pores: alpha {alpha}, porosity {self.porosity:.5g},"
            f" compression {self.compression:.5g}"
        )

    def plot(self) -> Drawing:
        """The entries of C and alpha."""
        shown = {"$C$": self.stiffness, r"$\alpha$": self.alpha}
        return draw_tensors("biot", "The drained stiffness and Biot's coefficient.", shown)

    def _repr_latex_(self) -> str:
        shown = {
            r"\alpha": self.alpha,
            r"\varphi": self.porosity,
            r"1/M - \varphi/K_f": self.compression,
            "C": self.stiffness,
        }
        body = r" \\ ".join(f"{name} &= {tensor_latex(value)}" for name, value in shown.items())
        return rf"$$\begin{{aligned}} {body} \end{{aligned}}$$"


def biot(
    model: HomogenizedModel,
    backend: str = AUTO,
    *,
    tolerance: float | None = None,
    parameters: Mapping[sp.Symbol, float] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Biot:
    """Biot's coefficient and modulus of an elastic model with pores: holes={shape: Neumann(0)}, or
    images in which they have the value 0. Solids may vary from place to place.

    The other arguments are those of `solve_cells`. In plane strain all moduli, that of the fluid
    too, are those of changes of area.
    ProblemError for models that are not elastic, or have no pores, UnsupportedError for those that
    depend on x.

    >>> s = nh.Scales(2)
    >>> u = s.unknown("u", components=2)
    >>> stress = s.div(u) * sp.eye(2) + 2 * s.sym_grad(u)
    >>> equation = (-s.div(stress), sp.zeros(2, 1))
    >>> pores = {nh.Disk((0.5, 0.5), 0.3): nh.Neumann(0)}
    >>> problem = nh.MultiscaleProblem(equation, scales=s, unknown=u, holes=pores)
    >>> skeleton = nh.biot(nh.homogenize(problem), tolerance=1e-4)
    >>> print(skeleton.alpha.diagonal().round(4), round(skeleton.porosity, 4))
    [0.543 0.543] 0.2827
    >>> round(skeleton.modulus(fluid=0.5), 3)
    1.438
    """
    model = instance(model, HomogenizedModel, "the model", "write model = homogenize(problem)")
    cells = solve_cells(
        with_pore_pressure(model),
        backend,
        tolerance=tolerance,
        parameters=parameters,
        progress=progress,
        **options,
    )
    d = model.problem.scales.dim
    stiffness, beta, c = (_numbers(cells.effective[name], name) for name in ("A", "beta", "c"))
    return Biot(
        _symmetric(stiffness[:d, :, :d, :]),
        np.eye(d) + beta[:d, :, d],
        float(1 - c[0, 0]),
        float(-c[d, d]),
        cells.info,
    )


def _numbers(entries: Any, name: str) -> Array:
    return as_numbers(entries, name, "take a model of real moduli")


def _symmetric(stiffness: Array) -> Array:
    """The stiffness, if stresses are symmetric; ProblemError."""
    turned = stiffness.swapaxes(0, 1)
    if np.abs(stiffness - turned).max() > _SAME * np.abs(stiffness).max():
        raise ProblemError(
            "a flux that is no stress: it is not symmetric",
            term=stiffness[0, 1, 0, 1] - stiffness[1, 0, 0, 1],
            remedy="write it with s.sym_grad(u)",
        )
    return stiffness
