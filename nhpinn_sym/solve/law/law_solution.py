"""`LawSolution`: the effective flux, reaction and storage at any state, with derivatives, energy
and bounds.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...derive.nonlinear.finite_strain import refuse_finite_strain
from ...derive.nonlinear.linearized import value_symbols
from ...problem.errors import (
    ProblemError,
    UnsupportedError,
    shortened,
    warn_tolerance,
)
from ...runtime.fourier.invariant_measure import mean_drift
from ...runtime.levels import error_text
from ..backends import BACKENDS
from ..cell_solution import CellSolution
from ..cells import solve_cells
from ..interpolation import Array
from .element_levels import ElementLevel
from .given_functions import held_functions
from .law_states import LawStates
from .linearized_cells import tangent_functions, tangent_tensors
from .macro_states import Asked, Question
from .state_cells import cells_at
from .strain_branches import require_energy_path

_SYMMETRIC = 1e-10
"""Share of a tangent below which it does not turn."""


class LawSolution(LawStates):
    """Result of `solve_law`: every state that is asked for is solved, to the tolerance.

    grad is of shape (d,) for one state, or (n, d); (m, d) and (n, m, d) for systems of m unknowns.
    u is a number, or (n,), where the law depends on the value of u0; x (d,) or (n, d) where it
    depends on the place. Results have the axis n in front then. Signs: the limit is
    d_t storage - div( flux ) + reaction = load.
    info: "estimate" of the relative error, the largest of the states so far, "n" points per axis,
    "seconds".

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a, g = 2 + sp.sin(2 * sp.pi * s.y[0]), s.grad(u)
    >>> equation = sp.Eq(-s.div(a * (1 + g.dot(g)) * g), 1)
    >>> problem = nh.MultiscaleProblem(equation, scales=s, unknown=u)
    >>> model = nh.homogenize(problem)
    >>> law = nh.solve_law(model)
    >>> lower, upper = law.bounds(grad=1)
    >>> bool(lower <= law.energy(grad=1) <= upper)
    True
    """

    def flux(
        self,
        grad: ArrayLike | None = None,
        u: ArrayLike | None = None,
        x: ArrayLike | None = None,
        *,
        strain: ArrayLike | None = None,
        t: ArrayLike | None = None,
    ) -> Array:
        """<A(y, u, grad u0 + grad_y N) + dB/du N>: (d,), for systems (m, d); the stress for
        strain=.
        """
        self._require_flux()
        asked = self._asked(Question(grad=grad, u=u, x=x, strain=strain, t=t), needs_grad=True)
        return self._arranged(asked, "flux")

    def tangent(
        self,
        grad: ArrayLike | None = None,
        u: ArrayLike | None = None,
        x: ArrayLike | None = None,
        *,
        strain: ArrayLike | None = None,
        t: ArrayLike | None = None,
    ) -> Array:
        """The derivative of the flux by the gradient: (d, d), for systems C[i, k, j, l]."""
        self._require_flux()
        asked = self._asked(
            Question(grad=grad, u=u, x=x, strain=strain, t=t), needs_grad=not self.model.frozen
        )
        return self._arranged(asked, "flux_p")

    def energy(
        self,
        grad: ArrayLike | None = None,
        u: ArrayLike | None = None,
        x: ArrayLike | None = None,
        *,
        strain: ArrayLike | None = None,
        t: ArrayLike | None = None,
    ) -> float | Array:
        """f*: the least mean energy, whose derivative by the gradient is the flux; 0 at grad 0
        where the state vanishes there. UnsupportedError where the flux has no potential.
        """
        self._require_potential()
        asked = self._asked(Question(grad=grad, u=u, x=x, strain=strain, t=t), needs_grad=True)
        level = self._level(asked.macro)
        if self.model.finite_strain:
            require_energy_path(level.strains, asked.macro, level.states)
        found = level.energy(asked.macro)
        return _number_or_array(found.reshape(asked.shape))

    def bounds(
        self,
        grad: ArrayLike | None = None,
        u: ArrayLike | None = None,
        x: ArrayLike | None = None,
        *,
        strain: ArrayLike | None = None,
        t: ArrayLike | None = None,
    ) -> tuple[float, float]:
        """(lower, upper) of the energy at one state, from the dual and the primal problem, closer
        than the tolerance; certain up to quadrature, on twice as many points but for finite
        elements. A gap that stays wider is a ToleranceWarning. By finite elements in one and two
        dimensions, without a source of order 1/eps, and not for stresses that are symmetric:
        UnsupportedError.
        """
        self._require_potential()
        self.model.state.require_diffusion("bounds on the energy")
        refuse_finite_strain(self.model, "bounds on the energy")
        asked = self._asked(Question(grad=grad, u=u, x=x, strain=strain, t=t), needs_grad=True)
        _require_one(asked, "bounds are asked for at one state", "bounds")
        level = self._level(asked.macro)
        if self.elements is not None:
            self._require_streams(level)
        lower, upper = level.bounds(asked.macro)
        width = float(upper[0] - lower[0])
        if not width <= self.tolerance * abs(float(upper[0])) + 1e-14:
            warn_tolerance(
                f"the bounds on the energy at grad = {asked.macro.slopes[:, :, 0].tolist()} are"
                f" {width:.1e} apart, the tolerance is {self.tolerance:.1e}: the state is not"
                f" smooth on {level.sizes[-1]} points or cells per axis; regularise a law that"
                " localizes, take finite elements where data jump, or accept a larger tolerance="
            )
        return float(lower[0]), float(upper[0])

    def reaction(
        self,
        u: ArrayLike | None = None,
        grad: ArrayLike | None = None,
        x: ArrayLike | None = None,
        t: ArrayLike | None = None,
    ) -> Any:
        """<G + dg/du N>, at grad u0 = 0 where it is not given: a number, for systems (m,)."""
        return self._scalar("reaction", Question(grad=grad, u=u, x=x, t=t))

    def reaction_derivative(
        self,
        u: ArrayLike | None = None,
        grad: ArrayLike | None = None,
        x: ArrayLike | None = None,
        t: ArrayLike | None = None,
    ) -> Any:
        """The derivative of the reaction by the value of u0: a number, for systems (m, m)."""
        return self._scalar("reaction_u", Question(grad=grad, u=u, x=x, t=t))

    def hamiltonian(
        self,
        grad: ArrayLike | None = None,
        u: ArrayLike | None = None,
        x: ArrayLike | None = None,
        t: ArrayLike | None = None,
    ) -> Any:
        """Hbar of a Hamilton-Jacobi equation, b(u0)_t + Hbar(x, u0, grad u0) = load: the number for
        which its state problem has a periodic solution. UnsupportedError for other models.
        """
        asked = self._asked_hamiltonian(Question(grad=grad, u=u, x=x, t=t))
        return _number_or_array(self._arranged(asked, "reaction"))

    def hamiltonian_slope(
        self,
        grad: ArrayLike | None = None,
        u: ArrayLike | None = None,
        x: ArrayLike | None = None,
        t: ArrayLike | None = None,
    ) -> Array:
        """dHbar / d grad u0: (d,), the mean drift under the invariant measure of the cell; without
        diffusion 1/<1/H_p>, zero on the flat part.
        """
        asked = self._asked_hamiltonian(Question(grad=grad, u=u, x=x, t=t))
        if self.inverted is not None:
            return self._arranged(asked, "reaction_p")
        level = self._level(asked.macro)
        found = mean_drift(level.solver, asked.macro, level.states)
        return np.asarray(found.T.reshape((*asked.shape, level.solver.d)))

    def _asked_hamiltonian(self, question: Question) -> Asked:
        if not self.model.hamiltonian:
            raise UnsupportedError(
                "the Hamiltonian of an equation that is none of Hamilton and Jacobi",
                term=self.model.title,
                remedy="law.flux, law.reaction and law.storage are there",
            )
        return self._asked(question, needs_grad=True)

    def storage(
        self, u: ArrayLike | None = None, x: ArrayLike | None = None, t: ArrayLike | None = None
    ) -> Any:
        """<b(y, u0)>, what stands under the time derivative: a number, for systems (m,)."""
        return self._scalar("storage", Question(u=u, x=x, t=t))

    def storage_derivative(
        self, u: ArrayLike | None = None, x: ArrayLike | None = None, t: ArrayLike | None = None
    ) -> Any:
        """The derivative of the storage by the value of u0."""
        return self._scalar("storage_u", Question(u=u, x=x, t=t))

    def load(self, x: ArrayLike | None = None, t: ArrayLike | None = None) -> Any:
        """<f>, the right-hand side: a number, for systems (m,)."""
        asked = self._asked(Question(x=x, t=t), needs_grad=False, needs_value=False, whole=True)
        return _number_or_array(self._arranged(asked, "load"))

    def effective(
        self,
        name: str,
        u: ArrayLike | None = None,
        grad: ArrayLike | None = None,
        x: ArrayLike | None = None,
        t: ArrayLike | None = None,
    ) -> Any:
        """The effective coefficient "A" at a value of u0 (and, where the flux is not linear in the
        gradient, at a gradient), "c" and "b" of the linearized reaction, "rho" of the storage.
        """
        names = {"A": "flux_p", "b": "reaction_p", "c": "reaction_u", "rho": "storage_u"}
        if name not in names:
            raise ProblemError(
                "no effective coefficient of a law has this name",
                term=shortened(name),
                remedy=f"use one of {', '.join(names)}",
            )
        needs = name == "A" and not self.model.frozen
        needs_value = self._needs_value(names[name])
        asked = self._asked(
            Question(grad=grad, u=u, x=x, t=t), needs_grad=needs, needs_value=needs_value
        )
        return self._arranged(asked, names[name])

    def state(
        self,
        grad: ArrayLike | None = None,
        u: ArrayLike | None = None,
        x: ArrayLike | None = None,
        *,
        strain: ArrayLike | None = None,
        t: ArrayLike | None = None,
        backend: str | None = None,
    ) -> CellSolution:
        """The cells of the linearized model at one state: effective["A"] is the tangent, the
        functions are the derivatives of the corrector by the gradient.

        backend : of the linear cell problems (default: that of the law). Finite elements, and laws
                  on lattices, have the cells of their own functions alone.
        """
        asked = self._asked(
            Question(grad=grad, u=u, x=x, strain=strain, t=t), needs_grad=not self.model.frozen
        )
        _require_one(asked, "a state is asked for at one value and gradient", "state")
        linear = self.model.linearized
        chosen = backend or self.backend
        symbols = value_symbols(self.model.state)
        numbers = dict(zip(map(str, symbols), asked.macro.values[:, 0]))
        numbers |= self.parameters
        values = {v: float(numbers[str(v)]) for v in linear.problem.parameters}
        functions = held_functions(self.forms, linear)
        if not self.model.frozen:
            self.model.state.require_diffusion("the linearized cells at a state")
            level = self._level(asked.macro)
            if self.elements is not None or self.frame.vectors is not None:
                self._require_own(backend)
                return cells_at(self, asked.macro, level)
            functions = tangent_functions(self.model, self.forms, asked.macro, level)
            if BACKENDS[chosen].differentiates:
                functions = tangent_tensors(functions, level)
        return solve_cells(
            linear,
            chosen,
            tolerance=self.tolerance,
            parameters=values or None,
            coefficients=functions or None,
        )

    def corrector(
        self,
        points: ArrayLike,
        grad: ArrayLike | None = None,
        u: ArrayLike | None = None,
        x: ArrayLike | None = None,
        t: ArrayLike | None = None,
        index: tuple[int, ...] | None = None,
    ) -> Array:
        """D^index N at points (q, d) of the cell, at one state: (q,), for systems (q, m)."""
        self.model.state.require_diffusion("the corrector at points")
        asked = self._asked(Question(grad=grad, u=u, x=x, t=t), needs_grad=True)
        level = self._level(asked.macro)
        d = self.model.problem.scales.dim
        places = np.asarray(points, dtype=float).reshape(-1, d)
        function = partial(level.corrector, 0)
        found = self.frame.derivative(function, places, index or (0,) * d)
        return found[0] if self.model.components == 1 else found.T

    def _require_streams(self, level: ElementLevel) -> None:
        """UnsupportedError where fluxes without divergence are not those of stream functions."""
        state = self.model.state
        tangent = level.values.flux_p[..., 0]
        what = None
        if state.dim > 2:
            what = "in three dimensions"
        elif any(e != 0 for e in state.cell_source):
            what = "with a source of order 1/eps"
        elif state.dim == 2 == self.model.components:
            turned = tangent[0, 1] - tangent[1, 0]
            if np.abs(turned).max() <= _SYMMETRIC * np.abs(tangent).max():
                what = "of stresses that are symmetric"
        if what is not None:
            raise UnsupportedError(
                f"bounds on the energy by {self.backend} {what}",
                term=state.all_fluxes[0],
                remedy='write law = solve_law(model, "fourier"), or "pinn" for smooth data',
            )

    def _require_own(self, backend: str | None) -> None:
        if backend not in (None, self.backend):
            raise UnsupportedError(
                f"the cells at a state of a law by {self.backend} on another backend, where they"
                " are finite element functions or those of a lattice",
                term=f"backend={backend!r}",
                remedy=f"leave backend= out, or write solve_law(model, {backend!r})",
            )

    def _require_flux(self) -> None:
        if self.model.hamiltonian:
            raise UnsupportedError(
                "a flux of a Hamilton-Jacobi equation: its limit is of first order",
                term=self.model.title,
                remedy="law.hamiltonian(grad=) and law.hamiltonian_slope(grad=) are there",
            )

    def _require_potential(self) -> None:
        self._require_flux()
        if not self.model.potential:
            raise UnsupportedError(
                "the flux has no potential: there is no energy",
                term=self.model.state.all_fluxes[0],
                remedy="law.flux and law.tangent are there",
            )

    def _scalar(self, name: str, question: Question) -> Any:
        needs = self._needs_value(name)
        asked = self._asked(question, needs_grad=False, needs_value=needs)
        return _number_or_array(self._arranged(asked, name))

    def _needs_value(self, name: str) -> bool:
        """Whether an array of the law depends on the value of u0."""
        state = self.model.state
        own = {"reaction": state.reaction, "storage": state.storage}
        held = own.get(name.split("_")[0], ())
        return state.cell_depends_on_values or any(e.has(*state.values) for e in held)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write to one .npz file of plain data, atomically; `nhpinn_sym.load_law` reads it again:
        the state problem and how it is solved, not the states.
        """
        from .law_file import save_law  # which makes laws again

        return save_law(self, path)

    def __str__(self) -> str:
        kind = "with a potential" if self.model.potential else "without a potential"
        return (
            f"law by {self.backend}, {kind}: estimated error {error_text(self.info['estimate'])},"
            f" {self.info['method']}"
        )

    __repr__ = __str__


def _number_or_array(array: Array) -> Any:
    """A float where there is one number."""
    return float(array) if array.shape == () else array


def _require_one(asked: Asked, rule: str, verb: str) -> None:
    if asked.macro.count != 1:
        raise ProblemError(
            rule, term=f"{asked.macro.count} states", remedy=f"call {verb}() for each of them"
        )
