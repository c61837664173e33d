"""The cell functions solved so far, as outputs of nets, and their averages over the cell, which
make them unique and give the effective coefficients.

"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ....emit.torch_cells import Stage
from ....emit.torch_printer import argument_name
from ....lower.forms import LoweredCells, MultiIndex
from ....runtime.nets.jets import averaged, columns
from ....runtime.tensor_grids import tensor_points, tensor_weights
from ...interpolation import Nodes
from ...solution import Array, EffectiveKey
from ..fields import points_beside
from ..network import Jet, Network, TrialSpace
from .averaging_grids import AveragingGrid

EIGENVALUE: EffectiveKey = ("lambda0", ())


@dataclass(frozen=True)
class CellAverages:
    """Means over the cell at m slow points.

    Function component c is sum_k mixing[:, c, k] * output k + offset[:, c], with mixing (m, c, c)
    and offset (m, c). constants, effective: (m,) per entry; the eigenvalue is among the constants.
    `effective` is empty until all is solved.
    """

    mixing: Tensor
    offset: Tensor
    constants: Mapping[EffectiveKey, Tensor]
    effective: Mapping[EffectiveKey, Tensor]

    @property
    def entries(self) -> dict[EffectiveKey, Tensor]:
        return {**self.constants, **self.effective}

    def estimated_entries(self) -> Tensor:
        """Zero, and the entries that an estimate is for: all but those of the higher law; (numbers,
        m).
        """
        return torch.stack(
            [
                self.offset.new_zeros(len(self.offset)),
                *(value for (name, _), value in self.entries.items() if name != "h"),
            ]
        )

    def vector(self) -> Tensor:
        """What has to stand when the grid is refined, (numbers, m)."""
        return torch.cat([self.mixing.flatten(1).T, self.offset.T, self.estimated_entries()])

    @classmethod
    def concat(cls, parts: Sequence[CellAverages]) -> CellAverages:
        """Those of all slow points from those of some."""
        constants, effective = (
            {key: torch.cat([part[key] for part in tables]) for key in tables[0]}
            for tables in ([p.constants for p in parts], [p.effective for p in parts])
        )
        return cls(
            torch.cat([p.mixing for p in parts]),
            torch.cat([p.offset for p in parts]),
            constants,
            effective,
        )


@dataclass(frozen=True)
class CellFunctions:
    """Nets whose outputs, in the order of the functions and their components, are the functions of
    the first stages.

    What depends on slow coordinates is known at `nodes` (numbers, eigenvalue), and interpolated.
    """

    nodes: Nodes
    networks: tuple[Network, ...] = ()
    eigenvalue: Tensor | None = None
    numbers: CellAverages | None = None

    @property
    def outputs(self) -> int:
        return sum(network.outputs for network in self.networks)

    def with_networks(
        self, networks: Sequence[Network], eigenvalue: Tensor | None = None
    ) -> CellFunctions:
        """The family with nets for more functions; those of one hidden layer become one net."""
        merged = list(self.networks)
        for network in networks:
            together = merged[-1].concat_outputs(network) if merged else None
            merged[len(merged) - (together is not None) :] = [together or network]
        return CellFunctions(
            self.nodes, tuple(merged), self.eigenvalue if eigenvalue is None else eigenvalue
        )

    def with_numbers(self, numbers: CellAverages) -> CellFunctions:
        return CellFunctions(self.nodes, self.networks, self.eigenvalue, numbers)

    def output(self, k: int) -> Network:
        """The net of output k alone."""
        for network in self.networks:
            if k < network.outputs:
                return network.output(k)
            k -= network.outputs
        raise IndexError(k)

    def combine(self, mixing: Tensor, offset: Tensor) -> Network:
        """The net of one function, mixing (outputs,) times the outputs plus an offset, where all of
        them share their hidden layers.
        """
        (network,) = self.networks
        weight, bias = network.layers[-1]
        return Network(
            network.trial,
            [*network.layers[:-1], ((mixing @ weight)[None], (mixing @ bias + offset)[None])],
        )

    def raw(self, points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        """The jet of the outputs, (n, outputs)."""
        jets = [network.jet(points, indices) for network in self.networks]
        return {
            a: torch.cat([points.new_zeros(len(points), 0), *(jet[a] for jet in jets)], -1)
            for a in indices
        }

    def jet(self, points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        """The jet of the functions, (n, outputs)."""
        if self.numbers is None:
            return self.raw(points, indices)
        basis = self.basis(points)
        mixing = torch.einsum("nm,mck->nck", basis, self.numbers.mixing)
        offset = basis @ self.numbers.offset
        return mix_outputs(self.raw(points, indices), mixing, offset)

    def constants(self, points: Tensor) -> dict[EffectiveKey, Tensor]:
        """The constants and the eigenvalue at the points, (n,)."""
        known: dict[EffectiveKey, Tensor] = (
            {} if self.eigenvalue is None else {EIGENVALUE: self.eigenvalue}
        )
        if self.numbers is not None:
            known |= self.numbers.constants
        if not known:
            return {}
        basis = self.basis(points)
        return {key: basis @ value for key, value in known.items()}

    def basis(self, points: Tensor) -> Tensor:
        """The interpolation weights (n, nodes) of points whose last columns are the slow
        coordinates.
        """
        if not self.nodes.bounds:
            return points.new_ones(len(points), 1)
        slow = points[:, -len(self.nodes.bounds) :]
        return torch.as_tensor(
            self.nodes.weights(slow.cpu().numpy()), dtype=points.dtype, device=points.device
        )


def mix_outputs(raw: Jet, mixing: Tensor, offset: Tensor) -> Jet:
    """The jet of the functions from that of the outputs (..., n, outputs), with mixing (..., n, c,
    outputs) and offset (..., n, c).
    """
    return {
        a: torch.einsum("...ck,...k->...c", mixing, value) + (0 if any(a) else offset)
        for a, value in raw.items()
    }


# Points at which nets are evaluated at once.
_AT_ONCE = 2**16
# Relative change between two grids that ends the refinement: its square is rounding; and as a share
# of the tolerance.
_LAST_CHANGE = 1e-8
_SHARE = 1e-2
# Slow points by which the grid for all of them is found.
_FEW = 3


@dataclass
class CellAveraging:
    """`grid` is refined until the means of given nets stand, and then used for all slow points."""

    cells: LoweredCells
    trial: TrialSpace
    parameters: Mapping[str, float]
    grid: AveragingGrid
    tolerance: float

    def refine(self, family: CellFunctions, slow: Tensor) -> CellAverages:
        """Double the grid until the means stand; those at slow points (m, s).

        As the error falls exponentially, doubling squares it: a change of 1e-8 is the last one that
        can be seen.
        """
        # A step back from what was needed before: nets that are smoother need fewer points.
        self.grid = self.grid.coarsened()
        few = slow[:_FEW]
        numbers = self(family, few)
        while self.grid.finer_fits:
            self.grid = self.grid.refined()
            before = numbers.vector()
            numbers = self(family, few)
            values = numbers.vector()
            share = max(_LAST_CHANGE, _SHARE * self.tolerance)
            if float((values - before).abs().max()) <= share * float(values.abs().max()):
                break
        if len(few) == len(slow):
            return numbers
        return self(family, slow)

    def __call__(self, family: CellFunctions, slow: Tensor) -> CellAverages:
        """The means at slow points (m, s)."""
        y, weights = (torch.as_tensor(v, device=slow.device) for v in self.quadrature())
        return CellAverages.concat(
            [
                self._means(family, points_beside(y, part), weights)
                for part in slow.split(max(1, _AT_ONCE // len(y)))
            ]
        )

    def quadrature(self) -> tuple[Array, Array]:
        """The points (n, dim) of the grid, and their weights, the sum of which is 1."""
        points, weights = zip(*self.grid.lines(), strict=True)
        return tensor_points(points), tensor_weights(weights)

    def arguments(self, constants: Mapping[EffectiveKey, Tensor]) -> dict[str, float | Tensor]:
        """The keyword arguments of the emitted functions; a constant that is not known yet is
        zero.
        """
        names = dict(self.trial.module.CONSTANTS)
        if self.cells.eigenvalue is not None:
            names[EIGENVALUE] = argument_name(self.cells.eigenvalue)
        return {**self.parameters, **{name: constants.get(key, 0.0) for key, name in names.items()}}

    def _means(self, family: CellFunctions, points: Tensor, weights: Tensor) -> CellAverages:
        """The means over the second axis of points (m, grid, columns)."""
        module = self.trial.module
        raw = family.raw(points.flatten(0, 1), module.MEAN_INDICES)
        raw = {a: value.unflatten(0, points.shape[:2]) for a, value in raw.items()}
        m = self.cells.components
        solved = [stage for stage in module.STAGES if (stage[1][-1] + 1) * m <= family.outputs]
        mixing, offset = self._unique(solved, raw[self.zero], weights)
        missing = len(self.cells.functions) * m - family.outputs
        d = mix_outputs(raw, mixing[:, None], offset[:, None])
        d = {a: torch.nn.functional.pad(value, (0, missing)) for a, value in d.items()}
        constants = {key: value[:, None] for key, value in family.constants(points[:, 0]).items()}
        if EIGENVALUE in constants:
            constants[EIGENVALUE] = self._rayleigh(solved, points, d, constants, weights)
        if self.cells.constants and len(solved) >= self._kernels:
            found = module.constants(points, d, weights, **self.arguments(constants))
            constants |= {key: value[:, None] for key, value in found.items()}
        effective: dict[EffectiveKey, Tensor] = {}
        if not missing:
            effective = module.effective(points, d, weights, **self.arguments(constants))
        known = {key: value[:, 0] for key, value in constants.items()}
        return CellAverages(mixing, offset, known, effective)

    @property
    def zero(self) -> tuple[int, ...]:
        return (0,) * self.cells.cell.dim

    @property
    def _kernels(self) -> int:
        """The number of stages before the constants are known."""
        return sum(kind != "corrector" for kind, _ in self.trial.module.STAGES)

    def _unique(
        self, solved: list[Stage], values: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        """mixing and offset from the outputs (m, grid, outputs): the conditions on means in
        `CellForm`.
        """
        count, _, outputs = values.shape
        mixing = torch.eye(outputs, dtype=values.dtype, device=values.device).repeat(count, 1, 1)
        offset = values.new_zeros(count, outputs)
        mean = weights @ values
        for kind, members in solved:
            own = self._outputs(members)
            if self.cells.eigenvalue is not None:
                self._with_ground_state(
                    kind, own, weights @ (values * values[..., :1]), mean, mixing
                )
            elif kind == "adjoint":
                block = self._adjoint_block(members, mean[:, own])
                for i in range(self.cells.components):
                    rows = mixing.new_tensor(own[i :: self.cells.components]).long()
                    mixing[:, rows[:, None], rows] = block
            else:
                offset[:, own] = -mean[:, own]
        return mixing, offset

    def _outputs(self, members: Sequence[int]) -> list[int]:
        """The outputs of some functions, each with its components."""
        m = self.cells.components
        return [k * m + i for k in members for i in range(m)]

    @staticmethod
    def _with_ground_state(
        kind: str, own: list[int], products: Tensor, mean: Tensor, mixing: Tensor
    ) -> None:
        """The mixing of the outputs `own` where the first one is the ground state phi: <phi> = 1,
        <psi phi> = 1 for its adjoint, and a multiple of phi is taken off all others; products: the
        means of all outputs times phi.
        """
        first = mean[:, :1]
        if kind == "ground state":
            mixing[:, 0, 0] = 1 / first[:, 0]
        elif kind == "adjoint":
            mixing[:, own, own] = first / products[:, own]
        else:
            # Correctors are known up to multiples of the ground state, which the condition <N> = 0
            # decides.
            mixing[:, own, 0] = -mean[:, own] / first

    def _adjoint_block(self, members: Sequence[int], mean: Tensor) -> Tensor:
        """What the adjoint kernels are mixed by so that the means (m, kernels * components) of
        kernel k are the unit vector of its component.
        """
        wanted = mean.new_zeros(len(members), self.cells.components)
        for row, k in zip(wanted, members, strict=True):
            row[int(self.cells.functions[k].level)] = 1.0
        return wanted @ torch.linalg.inv(mean.reshape(len(mean), len(members), -1))

    def _rayleigh(
        self,
        solved: list[Stage],
        points: Tensor,
        d: Jet,
        constants: Mapping[EffectiveKey, Tensor],
        weights: Tensor,
    ) -> Tensor:
        """The eigenvalue from the weak form, whose error is the product of those of the ground
        state and of its adjoint.
        """
        value = constants[EIGENVALUE]
        if not self.cells.symmetric and len(solved) == 1:
            return value
        module = self.trial.module
        phi, psi = (columns(d, k, 1) for k in (0, 0 if self.cells.symmetric else 1))
        # The weak form is affine in the eigenvalue: from two values its zero is known.
        here, beside = (
            averaged(
                module.bilinear(points, phi, psi, **self.arguments({**constants, EIGENVALUE: v})),
                weights,
            )[:, None]
            for v in (value, value + 1)
        )
        return value - here / (beside - here)
