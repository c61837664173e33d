"""Effective coefficients as numbers, on their way from the cell problems to the homogenized
equation: a table of values at points of the slow coordinates, and the file that holds it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev

from .arrays import AnyArray, CoefficientKey

SolveAt = Callable[[dict[str, float]], Mapping[CoefficientKey, Any]]
"""Effective coefficients at a point of the slow coordinates, given by name."""

NODES = 9
"""Points of each slow coordinate."""


@dataclass(frozen=True)
class Effective:
    """Effective coefficients by (name, index): one number each, or values at Chebyshev points of
    the box of the slow coordinates, one axis for each.

    slow: {name: (low, high)}; parameters: the numbers that they hold for; known: what needed no
    solve, numbers, or formulas as text, which are shown and not read.
    """

    slow: dict[str, tuple[float, float]]
    values: dict[CoefficientKey, AnyArray]
    parameters: dict[str, float]
    known: dict[CoefficientKey, float | str]

    @classmethod
    def sampled(
        cls,
        solve: SolveAt,
        slow: Mapping[str, tuple[float, float]],
        parameters: Mapping[str, float],
        known: Mapping[CoefficientKey, float | str],
    ) -> Effective:
        """`solve` at every node of the slow coordinates."""
        lines = [_nodes(*ends) for ends in slow.values()]
        found = [solve(dict(zip(slow, map(float, point)))) for point in product(*lines)]
        shape = (NODES,) * len(slow)
        values = {key: np.array([table[key] for table in found]).reshape(shape) for key in found[0]}
        return cls(dict(slow), values, dict(parameters), dict(known))

    def __call__(
        self, key: CoefficientKey, points: AnyArray, coordinates: Sequence[str]
    ) -> AnyArray:
        """The coefficient, or its derivative along the coordinates, at points (n, d): (n,).

        KeyError for one that the table does not hold.
        """
        name, index, *orders = key
        derivative = dict(zip(coordinates, orders[0])) if orders else {}
        if (name, index) in self.known:
            return self._constant((name, index), len(points), any(derivative.values()))
        total = self._polynomials[name, index]
        if any(order for v, order in derivative.items() if v not in self.slow):
            return np.zeros(len(points))
        total = np.broadcast_to(total, (len(points), *total.shape))
        for v, (low, high) in self.slow.items():
            if v not in coordinates:
                raise KeyError(f"it depends on {v}")
            column = list(coordinates).index(v)
            order = derivative.get(v, 0)
            place = (2 * points[:, column] - low - high) / (high - low)
            basis = _basis(place, order) * (2 / (high - low)) ** order
            total = np.einsum("nk,nk...->n...", basis, total)
        return np.asarray(total)

    def _constant(self, key: CoefficientKey, count: int, differentiated: bool) -> AnyArray:
        """What needed no solve, at every point. KeyError for a formula."""
        value = self.known[key]
        if isinstance(value, str):
            raise KeyError(f"{label(key)} = {value} is a formula")
        return np.full(count, 0.0 if differentiated else value)

    def field(self, coordinates: Sequence[str]) -> Callable[[CoefficientKey, AnyArray], AnyArray]:
        """A function of the key and of points (n, d); SystemExit where the table does not hold
        one.
        """

        def field(key: CoefficientKey, points: AnyArray) -> AnyArray:
            try:
                return self(key, points, coordinates)
            except KeyError as cause:
                raise SystemExit(f"effective.json does not hold {label(key)} ({cause})") from None

        return field

    def functions(
        self, externals: Mapping[str, CoefficientKey], coordinates: Sequence[str]
    ) -> dict[str, Callable[[AnyArray], AnyArray]]:
        """Functions of points (n, d), by the symbols of an equation."""
        field = self.field(coordinates)
        return {symbol: partial(field, key) for symbol, key in externals.items()}

    def change(self, other: Effective) -> float:
        """The largest difference from another table, relative to the largest value."""
        sizes = (float(np.abs(value).max()) for value in self.values.values())
        pairs = ((value, other.values[key]) for key, value in self.values.items())
        changes = (float(np.abs(a - b).max()) for a, b in pairs)
        return max(changes, default=0.0) / (max(sizes, default=0.0) or 1.0)

    @cached_property
    def interpolation(self) -> float:
        """The share of the two highest polynomials along a slow coordinate: about the error of the
        values between the nodes.
        """
        worst = 0.0
        for total in self._polynomials.values():
            size = float(np.abs(total).max(initial=0.0)) or 1.0
            for axis in range(total.ndim):
                last = np.abs(np.take(total, (-2, -1), axis=axis)).max()
                worst = max(worst, float(last) / size)
        return worst

    def __str__(self) -> str:
        entries = {**self.values, **self.known}
        lines = [f"{label(key)} = {_shown(value)}" for key, value in entries.items()]
        for name, (low, high) in self.slow.items():
            points = ", ".join(f"{p:.4g}" for p in _nodes(low, high))
            lines.append(f"along {name} = {points}")
        if self.slow:
            lines.append(f"error of the values between: about {self.interpolation:.1e}")
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """What a file holds."""
        entries = [
            {"name": key[0], "index": key[1], **_to_json(value)}
            for key, value in self.values.items()
        ]
        known = [{"name": n, "index": i, "value": v} for (n, i), v in self.known.items()]
        return {
            "slow": {name: list(ends) for name, ends in self.slow.items()},
            "parameters": self.parameters,
            "effective": entries,
            "known": known,
        }

    def save(self, path: str | Path) -> None:
        """Write the table as JSON."""
        Path(path).write_text(json.dumps(self.record(), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path = "effective.json", writer: str = "main_cells.py") -> Effective:
        """Read what `save` wrote; SystemExit, which names the `writer`, where there is no such
        file.
        """
        if not Path(path).is_file():
            raise SystemExit(f"{path} is not there: run {writer} first")
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        values = {(e["name"], _tuples(e["index"])): _from_json(e) for e in record["effective"]}
        known = {(e["name"], _tuples(e["index"])): e["value"] for e in record["known"]}
        slow = {name: (float(a), float(b)) for name, (a, b) in record["slow"].items()}
        return cls(slow, values, record["parameters"], known)

    @cached_property
    def _polynomials(self) -> dict[CoefficientKey, AnyArray]:
        """Coefficients of Chebyshev polynomials, an axis for each slow coordinate."""
        # At Chebyshev points this matrix is orthogonal but for factors: its inverse loses no
        # digits.
        matrix = np.linalg.inv(chebyshev.chebvander(_unit_nodes(), NODES - 1))
        found = {}
        for key, values in self.values.items():
            total = np.asarray(values)
            for axis in range(total.ndim):
                total = np.moveaxis(np.tensordot(matrix, total, axes=(1, axis)), 0, axis)
            found[key] = total
        return found


def label(key: CoefficientKey) -> str:
    """A[0, 0], and A[0, 0]_x1 for its derivative along the first coordinate."""
    name, index, *derivatives = key
    text = str(name)
    if index:
        text += f"[{', '.join(map(str, index))}]"
    orders = derivatives[0] if derivatives else ()
    if any(orders):
        text += "_x" + "".join(str(axis + 1) * order for axis, order in enumerate(orders))
    return text


def _basis(place: AnyArray, order: int) -> AnyArray:
    """(n, nodes): derivatives of the Chebyshev polynomials at places in (-1, 1)."""
    columns = chebyshev.chebder(np.eye(NODES), order) if order else np.eye(NODES)
    return np.asarray(chebyshev.chebval(place, columns)).T


def _unit_nodes() -> AnyArray:
    return np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)[::-1]


def _nodes(low: float, high: float) -> AnyArray:
    return (low + high) / 2 + (high - low) / 2 * _unit_nodes()


def _shown(value: AnyArray | float | str) -> str:
    if isinstance(value, str):
        return value
    return ", ".join(f"{v:.15g}" for v in np.ravel(value))


def _to_json(value: AnyArray) -> dict[str, Any]:
    parts = {"real": np.real(value).tolist()}
    if np.iscomplexobj(value):
        parts["imaginary"] = np.imag(value).tolist()
    return parts


def _from_json(entry: Mapping[str, Any]) -> AnyArray:
    real = np.asarray(entry["real"])
    if "imaginary" in entry:
        return real + 1j * np.asarray(entry["imaginary"])
    return real + 0.0


def _tuples(value: Any) -> Any:
    """Lists of JSON as the tuples that they were."""
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    return value
