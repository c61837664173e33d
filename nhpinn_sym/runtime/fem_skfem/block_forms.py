"""Matrices and vectors of emitted forms by (equation, field), and their coefficients at points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.sparse as sps

from ..arrays import Array
from .space import Data, DataAt, FunctionSpace


def block_matrix(
    space: FunctionSpace,
    blocks: Mapping[tuple[int, int], Any],
    basis: Any,
    fields: dict[str, Any],
    components: int,
) -> sps.csr_matrix:
    """The matrix of bilinear forms by (equation, field), for unknowns that are numbered node by
    node.
    """
    parts = [(index, space.matrix(form, basis, fields)) for index, form in blocks.items()]
    unit = np.eye(components)
    if components == 1:
        return parts[0][1]
    return sum(sps.kron(part, np.outer(unit[i], unit[j]), format="csr") for (i, j), part in parts)


def block_vector(
    space: FunctionSpace,
    blocks: Mapping[int, Any],
    basis: Any,
    fields: dict[str, Any],
    components: int,
) -> tuple[Array, float]:
    """The vector of linear forms by equation, and its size as of `Space.measured`."""
    vector = np.zeros(components * space.weights.size)
    total = 0.0
    for i, form in blocks.items():
        part, size = space.measured(form, basis, fields)
        vector[i::components] += part
        total += size
    return vector, total


def evaluate(coefficients: Callable[[Array, Data], Any], basis: Any, data: Data) -> Any:
    """The coefficients at the quadrature points of `basis`."""
    return evaluate_at(coefficients, np.asarray(basis.global_coordinates()), data)


def evaluate_at(
    coefficients: Callable[[Array, Data], Any], points: Array, data: Data
) -> dict[str, Any]:
    """The coefficients at points (d, ...)."""
    found = coefficients(points, DataAt(data, points))
    # A condition on the time alone gives an array without axes, which scikit-fem does not take.
    return {name: v[()] if isinstance(v, np.ndarray) else v for name, v in found.items()}
