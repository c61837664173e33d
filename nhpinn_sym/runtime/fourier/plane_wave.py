"""The exact mean of u = e^{i k.x + s t} w(x/eps) for the source e^{i k.x + s t}: one problem on the
cell at any eps, against which a homogenized equation is held.

On u a derivative is a number or a cell derivative, d_x -> i k + d_y / eps, d_t -> s. `forms` is an
emitted module with CELL, COMPONENTS, `coefficients`, TERMS: rows (equation, left, coefficient,
field, right, power) of eps^power D^left( c D^right u_field ), multi-indices over (x, t), and LAW:
rows (equation, left, sign, number or key, field, right) of the homogenized equation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .grid import Grid

POINTS = {1: 63, 2: 21, 3: 9}
"""Points of each axis, odd, by the dimension: the matrix is dense."""


def wave_mean(
    forms: Any,
    wavevector: Sequence[float],
    growth: float,
    eps: float,
    parameters: Mapping[str, float],
) -> np.ndarray:
    """<w> (components,), for a source that is 1 in each equation."""
    dim = len(forms.CELL)
    grid = Grid(forms.CELL, POINTS[dim], real=False)
    size = forms.COMPONENTS * grid.n**dim
    unit = np.eye(size, dtype=complex).reshape(size, forms.COMPONENTS, *grid.shape)
    slopes = [1j * k + wave / eps for k, wave in zip(wavevector, grid.waves, strict=True)]
    slopes.append(np.asarray(growth))
    table = forms.coefficients(grid.points, (), parameters)
    images = np.zeros_like(unit)
    for equation, left, (number, k), field, right, power in forms.TERMS:
        inner = grid.backward(_symbol(slopes, right) * unit[:, field])
        flux = grid.forward(number * np.asarray(table[k]) * inner)
        images[:, equation] += eps**power * _symbol(slopes, left) * flux
    source = np.zeros((forms.COMPONENTS, *grid.shape), dtype=complex)
    source[grid.zero] = 1.0
    modes = np.linalg.solve(images.reshape(size, size).T, source.ravel())
    return np.asarray(modes.reshape(source.shape)[grid.zero])


def homogenized_mean(
    forms: Any,
    wavevector: Sequence[float],
    growth: float,
    effective: Mapping[Any, Any],
) -> np.ndarray:
    """The same of the homogenized equation, with these coefficients."""
    slopes = [*(1j * k for k in wavevector), growth]
    symbol = np.zeros((forms.COMPONENTS, forms.COMPONENTS), dtype=complex)
    for equation, left, sign, value, field, right in forms.LAW:
        number = effective[value] if isinstance(value, tuple) else value
        symbol[equation, field] += sign * number * _symbol(slopes, left) * _symbol(slopes, right)
    return np.linalg.solve(symbol, np.ones(forms.COMPONENTS))


def _symbol(slopes: Sequence[Any], index: Sequence[int]) -> Any:
    return math.prod(slope**order for slope, order in zip(slopes, index, strict=False) if order)
