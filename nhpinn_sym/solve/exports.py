"""Solutions as data of other programs: xarray, and files of ParaView."""

from __future__ import annotations

import importlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..emit.source import output_path
from ..problem.errors import BackendMissingError, ProblemError, shortened
from ..problem.user_input import positive_integer
from ..runtime.arrays import Flags, Integers
from ..runtime.tensor_grids import tensor_points
from .arguments import as_time
from .interpolation import Array
from .vtk_files import write_elements, write_grid, write_image, write_series

COUNTS = {1: 257, 2: 65, 3: 25}
"""Points along each axis where nothing says how many, by dimension."""
# Times of a data set, from 0 to the end, where none are given.
_TIMES = 11
# Points that are evaluated at once.
_BLOCK = 4096


@dataclass(frozen=True)
class SolutionExtent:
    """Where a solution is: its own nodes along each axis of the box, and the times at which it is
    known (None: it is stationary; one: the final time alone).

    holds: whether points (n, d) of that box lie in the domain; None where all do.
    triangles: those of a plane domain, corners (n, 2) and the numbers (m, 3) of each, if there are.
    """

    lines: tuple[Array, ...]
    times: Array | None = None
    holds: Callable[[Array], Flags] | None = None
    triangles: tuple[Array, Integers] | None = None


class Exported(ABC):
    """What a solution is exported by; `n` is points along each axis, equally spaced, instead of its
    own nodes. Complex values are written as real and imaginary parts.
    """

    @property
    @abstractmethod
    def extent(self) -> SolutionExtent:
        """Where it is."""

    @abstractmethod
    def sampled(self, points: Array, t: float | None = None) -> Array:
        """Values at points (n, d) of the box around the domain; nan outside of this."""

    @abstractmethod
    def __call__(self, points: ArrayLike, *more: Any, t: float | None = None) -> Array:
        """Values at points."""

    def to_xarray(self, n: int | None = None, times: ArrayLike | None = None) -> Any:
        """An `xarray.Dataset` with u over x1, x2, ..., with time over t, for systems over
        component.

        times: eleven from 0 to the end where none are given. BackendMissingError without xarray.
        """
        xarray = xarray_module()
        lines = _lines(self.extent, n)
        names = [f"x{k + 1}" for k in range(len(lines))]
        shape = tuple(len(line) for line in lines)
        chosen = _chosen(self.extent, times, _TIMES)
        blocks = [self._sampled(lines, t).reshape(*shape, -1) for t in chosen]
        coordinates = dict(zip(names, lines, strict=True))
        values, dims = np.stack(blocks), ["t", *names, "component"]
        if self.extent.times is None:
            values, dims = values[0], dims[1:]
        else:
            coordinates["t"] = np.array(chosen, dtype=float)
        if values.shape[-1] == 1:
            values, dims = values[..., 0], dims[:-1]
        return xarray.Dataset({"u": (dims, values)}, coordinates, _attributes(self))

    def to_vtu(
        self, path: str | os.PathLike[str], n: int | None = None, times: ArrayLike | None = None
    ) -> Path:
        """Write an unstructured grid for ParaView, at the final time, or at `times`: several of
        them make a series {name}_000.vtu, ... and {name}.pvd, whose path is returned.
        """
        lines = _lines(self.extent, n)
        triangles = self.extent.triangles if n is None else None

        def write(file: Path, t: float | None) -> Path:
            if triangles is not None:
                points, cells = triangles
                return write_elements(file, points, cells, arrays("u", self._in_blocks(points, t)))
            return write_grid(file, lines, arrays("u", self._sampled(lines, t)))

        return _files(self.extent, path, times, write)

    def to_vti(
        self, path: str | os.PathLike[str], n: int | None = None, times: ArrayLike | None = None
    ) -> Path:
        """Write an image, equally spaced points, for ParaView; as `to_vtu` otherwise."""
        extent = self.extent
        own = min(COUNTS[len(extent.lines)], max(map(len, extent.lines)))
        lines = _lines(extent, own if n is None else n)
        spacing = [line[1] - line[0] for line in lines]
        shape = [len(line) for line in lines]
        origin = [line[0] for line in lines]

        def write(file: Path, t: float | None) -> Path:
            values = arrays("u", self._sampled(lines, t))
            return write_image(file, origin, spacing, shape, values)

        return _files(extent, path, times, write)

    def _sampled(self, lines: tuple[Array, ...], t: float | None) -> Array:
        """Values at all points, the last axis fastest."""
        return self._in_blocks(tensor_points(lines), t)

    def _in_blocks(self, points: Array, t: float | None) -> Array:
        blocks = range(0, len(points), _BLOCK)
        return np.concatenate([self.sampled(points[k : k + _BLOCK], t) for k in blocks])


def xarray_module() -> Any:
    """xarray; BackendMissingError where it is not installed."""
    try:
        return importlib.import_module("xarray")
    except ImportError as cause:
        raise BackendMissingError(
            "xarray is not installed", remedy="pip install 'nhpinn_sym[io]', or pip install xarray"
        ) from cause


def arrays(name: str, values: Array) -> dict[str, Array]:
    """Values for a file that holds real numbers, by name."""
    if np.iscomplexobj(values):
        return {f"{name}_real": values.real, f"{name}_imaginary": values.imag}
    return {name: values}


def equally_spaced(bounds: Iterable[tuple[float, float]], n: int) -> tuple[Array, ...]:
    """n points from end to end along each axis."""
    positive_integer(n, "n", least=2)
    return tuple(np.linspace(low, high, n) for low, high in bounds)


def _lines(extent: SolutionExtent, n: int | None) -> tuple[Array, ...]:
    if n is None:
        return extent.lines
    return equally_spaced(((line[0], line[-1]) for line in extent.lines), n)


def _chosen(extent: SolutionExtent, times: ArrayLike | None, most: int) -> list[float | None]:
    """The times that were asked for; None stands for a stationary solution, or the final time."""
    if extent.times is None:
        if times is not None:
            raise ProblemError(
                "a stationary solution has no times",
                term=shortened(times),
                remedy="leave times out",
            )
        return [None]
    if times is not None:
        return [as_time(t) for t in np.ravel(np.asarray(times))]
    if most == 1:
        return [None]
    if len(extent.times) == 1:
        return [float(extent.times[0])]
    return [float(t) for t in np.linspace(0, extent.times[-1], most)]


def _files(
    extent: SolutionExtent, path: str | os.PathLike[str], times: ArrayLike | None, write: Any
) -> Path:
    """One file, or a series of them."""
    target = output_path(path)
    chosen = _chosen(extent, times, 1)
    if len(chosen) == 1:
        return Path(write(target, chosen[0]))
    files = {
        float(t or 0.0): write(target.with_name(f"{target.stem}_{k:03d}{target.suffix}"), t)
        for k, t in enumerate(chosen)
    }
    return write_series(target.with_suffix(".pvd"), files)


def _attributes(solution: Any) -> Mapping[str, Any]:
    return {
        "backend": solution.backend,
        "method": solution.method,
        "estimate": float(solution.info.get("estimate", np.nan)),
    }
