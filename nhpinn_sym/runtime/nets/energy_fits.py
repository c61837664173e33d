"""Cell problems of emitted cell_energy.py and cell_dual.py as minima over random features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from .fits import FormArguments, uniform_points
from .inputs import Axes
from .jets import Jet
from .least_squares import RIDGE
from .networks import Layers, features, hidden

MIDPOINTS = {1: 8192, 2: 192, 3: 32}
"""Of each axis in the quadrature of an energy, by the dimension."""
BLOCK = 4096
"""Points that are taken at once there."""


def fit_energies(energy: Any, dual: Any, given: FormArguments, count: int) -> dict[Any, float]:
    """The effective coefficients of an emitted cell_energy.py and cell_dual.py: A between its
    bounds, whose largest distance is printed, and the other entries of the law.

    Jumps are heeded as far as a midpoint rule sees them.
    """
    upper, solution = _minimum(energy, energy.strain, energy.stiffness, given, count)

    def compliance(points: torch.Tensor, **numbers: Any) -> torch.Tensor:
        return torch.linalg.pinv(dual.stiffness(points, **numbers), hermitian=True)

    complement, _ = _minimum(dual, dual.flux, compliance, given, count)
    lower = torch.linalg.pinv(complement, hermitian=True)
    gap = float((upper - lower).abs().max())
    print(f"{count} features: upper less lower bound of A at most {gap:.2g}")
    law = _law(energy, solution, given) if hasattr(energy, "law") else {}
    return {**_entries((upper + lower) / 2, int(energy.COMPONENTS), len(energy.AXES)), **law}


def _entries(matrix: torch.Tensor, components: int, dim: int) -> dict[Any, float]:
    """A[k, l], or A[i, k, j, l] of a system; row i * dim + k belongs to component i and axis k."""
    rows = [(i, k) for i in range(components) for k in range(dim)]
    first = 1 if components == 1 else 0
    return {
        ("A", (*rows[p][first:], *rows[q][first:])): float(value)
        for p, line in enumerate(matrix.tolist())
        for q, value in enumerate(line)
    }


@dataclass(frozen=True)
class _Solution:
    """Coefficients (features * components, rows) of the functions N_row."""

    layers: Layers
    coefficients: torch.Tensor

    def trials(self, forms: Any, points: torch.Tensor) -> Jet:
        """The jets of every feature in every component, (n, features * components, components)."""
        jet = hidden(points, self.layers, forms.INDICES, forms.AXES, getattr(forms, "KINKS", None))
        unit = torch.eye(int(forms.COMPONENTS), dtype=torch.float64)
        return {a: (v[:, :, None, None] * unit).flatten(1, 2) for a, v in jet.items()}


def _midpoints(axes: Axes) -> torch.Tensor:
    count = MIDPOINTS[len(axes)]
    step = torch.tensor([(b - a) / 2 / count for _, a, b in axes], dtype=torch.float64)
    return uniform_points(count, axes) + step


def _minimum(
    forms: Any, strain: Any, weight: Any, given: FormArguments, count: int
) -> tuple[torch.Tensor, _Solution]:
    """The matrix of min <(E + strain(N)) . W (E + strain(N))> over nets N with `count` random
    features, and the minimizers; `weight` is W (n, rows, rows) at points.
    """
    layers = features(count, forms.AXES, kinks=getattr(forms, "KINKS", None))
    points = _midpoints(forms.AXES)
    mean = sum(weight(p, **given).sum(0) for p in points.split(BLOCK)) / len(points)
    size = count * int(forms.COMPONENTS)
    solution = _Solution(layers, torch.zeros(size, len(mean), dtype=torch.float64))
    if not size:
        return mean, solution
    gram = torch.zeros(size, size, dtype=torch.float64)
    load = torch.zeros_like(solution.coefficients)
    for p in points.split(BLOCK):
        slopes = strain(solution.trials(forms, p))
        w = weight(p, **given) / len(points)
        flux = torch.einsum("nkp,npq->nkq", slopes, w)
        gram += torch.einsum("nkq,nlq->kl", flux, slopes)
        load += flux.sum(0)
    x = -_solved(gram, load)
    # At the minimum the quadratic term is minus half of the linear one.
    return mean + load.T @ x, _Solution(layers, x)


def _solved(gram: torch.Tensor, load: torch.Tensor) -> torch.Tensor:
    """gram^-1 load, without the directions in which the features are dependent up to rounding."""
    # An energy keeps large residuals: a ridge would be fitted to them, so dependent directions are
    # cut.
    values, vectors = torch.linalg.eigh(gram)
    kept = values > RIDGE * torch.finfo(gram.dtype).eps * values.max()
    parts = vectors[:, kept].T @ load
    return vectors[:, kept] @ (parts / values[kept, None])


def _law(forms: Any, solution: _Solution, given: FormArguments) -> dict[Any, float]:
    """The means of the other entries of the law; every function is sign * N_row, without its
    mean.
    """
    columns = [sign * solution.coefficients[:, row] for row, sign in forms.FUNCTIONS.values()]
    chosen = torch.stack(columns, 1)
    points = _midpoints(forms.AXES)
    zero = (0,) * len(forms.AXES)

    def jet(p: torch.Tensor) -> Jet:
        trial = solution.trials(forms, p)
        return {a: torch.einsum("nkc,kf->nfc", v, chosen).flatten(1) for a, v in trial.items()}

    mean = sum(jet(p)[zero].sum(0) for p in points.split(BLOCK)) / len(points)
    found: dict[Any, float] = {}
    for p in points.split(BLOCK):
        d = jet(p)
        # The energy sees slopes alone; the law may hold the functions, whose means are zero by
        # convention.
        d[zero] = d[zero] - mean
        for key, value in forms.law(p, d, **given).items():
            found[key] = found.get(key, 0.0) + float(value.sum()) / len(points)
    return found
