"""The emitted torch files: their text, their derivatives against nested automatic differentiation,
and that they stand alone.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import sympy as sp
import torch

from nhpinn_sym.emit import torch_equation as target
from nhpinn_sym.lower.forms import (
    Essential,
    LoweredCells,
    LoweredEquation,
    MultiIndex,
    Natural,
    StrongTerm,
)
from nhpinn_sym.lower.term_forms import strong_terms, weak_terms
from nhpinn_sym.problem.domain import Box
from nhpinn_sym.problem.errors import UnsupportedError

from ..emitted import emitted
from ..pinn_samples import (
    PI2,
    diffusion_cells,
    elliptic_2d,
    epsilon,
    equation,
    external,
    manufactured,
    slow_1d,
    t,
    whole,
    with_jump,
    x1,
    x2,
    x3,
    y1,
    y2,
    y3,
)

SQUARE, CUBE = Box((0, 1), (0, 2)), Box((0, 1), (0, 1), (0, 1))


def cells_3d() -> LoweredCells:
    a = sp.Matrix(
        3,
        3,
        lambda i, k: (
            sp.Rational(1, 5)
            if i != k
            else 2 + sp.sin(PI2 * y1) * sp.cos(PI2 * y2) * sp.sin(PI2 * y3)
        ),
    )
    return diffusion_cells(a, drift=(sp.sin(PI2 * y2), sp.cos(PI2 * y3), sp.sin(PI2 * y1)))


def unsteady() -> LoweredEquation:
    """With parameters, externals and their slow derivatives, Dirichlet data that vary, a Robin face
    and initial data.
    """
    a, a_x = external("A", (0, 0), (0,)), external("A", (0, 0), (1,))
    lowered = manufactured(
        sp.exp(-epsilon * t) * sp.sin(x1),
        sp.Matrix([[2]]),
        Box((0, sp.pi)),
        ["right"],
        mass=1 + epsilon,
        final_time=sp.Rational(1, 2),
        parameters=(epsilon,),
        externals=(a, a_x),
        b=(a_x.symbol,),
        c=a.symbol,
    )
    return lowered


def fine(dim: int) -> LoweredEquation:
    x = (x1, x2, x3)[:dim]
    coefficient = 2 + sp.Mul(*[sp.sin(PI2 * v / epsilon) for v in x])
    box = Box(*[(0, 1)] * dim)
    return equation(
        coefficient * sp.eye(dim),
        sp.exp(x1),
        box,
        [Essential(whole(box), sp.S.Zero)],
        parameters=(epsilon,),
    )


def coupled() -> LoweredEquation:
    """2 u_t + w_t - u_xx - (w_x q)_x + w = f and w_t - 3 w_xx + u_x = g: a clamped and a free end
    for u, springs for w; data from outside.
    """
    q = external("A", (0, 0), (0,))
    u, w = COUPLED
    box, zero, one = Box((0, 1)), (0,), (1,)
    terms = [
        (0, one, -sp.S.One, 0, one),
        (0, one, -q.symbol, 1, one),
        (0, zero, sp.S.One, 1, zero),
        (1, one, sp.Integer(-3), 1, one),
        (1, zero, sp.S.One, 0, one),
    ]
    mass = [
        (0, zero, sp.Integer(2), 0, zero),
        (0, zero, sp.S.One, 1, zero),
        (1, zero, sp.S.One, 1, zero),
    ]
    flux = (
        ((StrongTerm(sp.S.One, one, 0, 0), StrongTerm(q.symbol, one, 0, 1)),),
        ((StrongTerm(sp.Integer(3), one, 1, 1),),),
    )
    sources = (
        2 * u.diff(t) + w.diff(t) - u.diff(x1, 2) - q.symbol * w.diff(x1, 2) + w,
        w.diff(t) - 3 * w.diff(x1, 2) + u.diff(x1),
    )
    natural = [Natural(("right",), sp.S.Zero, (u.diff(x1) + q.symbol * w.diff(x1)).subs(x1, 1), 0)]
    natural += [
        Natural((name,), sp.Integer(2), ((2 * end - 1) * 3 * w.diff(x1) + 2 * w).subs(x1, end), 1)
        for end, name in enumerate(("left", "right"))
    ]
    return LoweredEquation(
        "Coupled equations",
        box,
        (x1,),
        t,
        (),
        (q,),
        2,
        weak_terms(mass),
        weak_terms(terms),
        (),
        strong_terms(terms, (x1,)),
        sources,
        flux,
        (Essential(("left",), u.subs(x1, 0), 0),),
        tuple(natural),
        (),
        (u.subs(t, 0), w.subs(t, 0)),
        sp.Rational(1, 2),
        False,
        False,
    )


COUPLED = sp.exp(-t) * sp.cos(x1), sp.sin(2 * x1 + t)
CELLS = {
    "1D": diffusion_cells(sp.Matrix([[sp.exp(sp.sin(PI2 * y1))]])),
    "2D": elliptic_2d(),
    "3D": cells_3d(),
    "parametric": slow_1d(),
}
EQUATIONS = {
    "homogenized 1D": unsteady(),
    "homogenized 2D": manufactured(sp.exp(x1) * sp.sin(x2), sp.Matrix([[2, 1], [0, 3]]), SQUARE, ["bottom"], b=(x2, sp.Integer(1)), c=1 + x1),
    "homogenized 3D": manufactured(x1 * sp.cos(x2) + x3**3, sp.diag(1, 2, 3), CUBE),
    "periodic": manufactured(sp.sin(PI2 * x1) * x2, sp.eye(2), SQUARE, periodic=(0,)),
    "fine 1D": fine(1), "fine 2D": fine(2), "fine 3D": fine(3),
}  # fmt: skip
GIVEN = {"epsilon": 0.3, "A_11": 1.7, "A_11_x1": torch.linspace(0, 1, 7, dtype=torch.float64)}


def module_of(lowered: LoweredCells | LoweredEquation) -> SimpleNamespace:
    if isinstance(lowered, LoweredCells):
        return emitted(target.cells(lowered), "cell_residual")
    return emitted(target.equation(lowered, "test"), "test_residual")


def points_of(module: SimpleNamespace, count: int = 7) -> torch.Tensor:
    unit = torch.rand(
        count, len(module.AXES), generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    return module.spread(unit, module.AXES)


def given_to(module: SimpleNamespace) -> dict[str, float | torch.Tensor]:
    return {name: GIVEN[name] for name in module.GIVEN}


def nested(
    value: Callable[[torch.Tensor], torch.Tensor],
    points: torch.Tensor,
    indices: tuple[MultiIndex, ...],
) -> dict[MultiIndex, torch.Tensor]:
    """Derivatives of one function of the points by differentiating again and again."""
    x = points.clone().requires_grad_()
    found = {}
    for index in indices:
        d = value(x)
        for axis, order in enumerate(index):
            for _ in range(order):
                d = torch.autograd.grad(d.sum(), x, create_graph=True)[0][:, axis]
        found[index] = d.detach()
    return found


def nets(module: SimpleNamespace, outputs: int) -> list[list[tuple[torch.Tensor, torch.Tensor]]]:
    """A random MLP, and random features with a random last layer."""
    generator = torch.Generator().manual_seed(2)
    last = (
        torch.randn(outputs, 30, generator=generator, dtype=torch.float64) / 30,
        torch.randn(outputs, generator=generator, dtype=torch.float64),
    )
    return [
        module.mlp(8, 3, outputs, module.AXES, seed=3),
        [*module.features(30, module.AXES, 0.9, seed=4), last],
    ]


@pytest.mark.parametrize("name", CELLS)
@torch.no_grad()
def test_the_jets_of_cell_functions_are_their_derivatives(name: str) -> None:
    module = module_of(CELLS[name])
    points, zero = points_of(module), module.INDICES[0]
    for layers in nets(module, len(module.FUNCTIONS)):
        jet = module.cell_functions(points, layers)
        for j in range(len(module.FUNCTIONS)):
            with torch.enable_grad():
                exact = nested(
                    lambda p, j=j, layers=layers: module.cell_functions(p, layers, (zero,))[zero][
                        :, j
                    ],
                    points,
                    module.INDICES,
                )
            for index in module.INDICES:
                assert torch.allclose(
                    jet[index][:, j],
                    exact[index],
                    rtol=1e-12,
                    atol=1e-12 * float(exact[index].abs().max()),
                )
            residual = (
                sum(c * exact[index] for index, c in module.coefficients(points)[0, 0].items())
                - module.source_0(points, None)[:, j]
            )
            assert torch.allclose(
                module.residual(points, jet)[:, j],
                residual,
                rtol=1e-12,
                atol=1e-12 * float(residual.abs().max()),
            )


@pytest.mark.parametrize("name", EQUATIONS)
@torch.no_grad()
def test_the_residual_by_jets_is_the_residual_by_nested_autograd(name: str) -> None:
    module = module_of(EQUATIONS[name])
    points, zero, given = points_of(module), module.INDICES[0], given_to(module)
    for layers in nets(module, 1):

        def value(
            p: torch.Tensor, layers: list[tuple[torch.Tensor, torch.Tensor]] = layers
        ) -> torch.Tensor:
            net = module.network(p, layers, (zero,), module.AXES)[zero][:, 0]
            return module.lift(p, **given)[zero] + module.factor(p, **given)[zero] * net

        with torch.enable_grad():
            exact = nested(value, points, module.INDICES)
        by_jets = module.residual(points, module.solution(points, layers, **given), **given)
        by_autograd = module.residual(points, exact, **given)
        assert torch.allclose(
            by_jets, by_autograd, rtol=0, atol=1e-12 * float(by_autograd.abs().max())
        )


@pytest.mark.parametrize("name", ["homogenized 1D", "homogenized 2D", "homogenized 3D", "periodic"])
def test_the_manufactured_solution_satisfies_every_emitted_condition(name: str) -> None:
    solutions = {
        "homogenized 1D": sp.exp(-epsilon * t) * sp.sin(x1),
        "homogenized 2D": sp.exp(x1) * sp.sin(x2),
        "homogenized 3D": x1 * sp.cos(x2) + x3**3,
        "periodic": sp.sin(PI2 * x1) * x2,
    }
    lowered = EQUATIONS[name]
    module, u = module_of(lowered), solutions[name]
    variables = (*lowered.coordinates, t) if lowered.time else lowered.coordinates
    given = given_to(module)

    def exact(points: torch.Tensor, index: MultiIndex) -> torch.Tensor:
        d = u
        for v, order in zip(variables, index):
            d = sp.diff(d, v, order)
        values = [float(d.subs({**dict(zip(variables, p.tolist())), epsilon: 0.3})) for p in points]
        return torch.tensor(values, dtype=torch.float64)

    points = points_of(module)
    assert (
        module.residual(points, {i: exact(points, i) for i in module.INDICES}, **given).abs().max()
        < 1e-11
    )
    for part in lowered.domain.parts:
        there = points.clone()
        there[:, part.axis] = float(part.place)
        if part.name in module.BOUNDARY:
            assert (
                module.boundary(
                    there, {i: exact(there, i) for i in module.INDICES}, part.name, **given
                )
                .abs()
                .max()
                < 1e-11
            )
        elif part.axis not in lowered.periodic:
            zero = module.INDICES[0]
            assert (module.lift(there, **given)[zero] - exact(there, zero)).abs().max() < 1e-12
            assert module.factor(there, **given)[zero].abs().max() < 1e-12
    if lowered.time:
        start = points.clone()
        start[:, -1] = 0
        assert (module.lift(start, **given)[0, 0] - exact(start, (0, 0))).abs().max() < 1e-12
        assert module.factor(start, **given)[0, 0].abs().max() == 0


@torch.no_grad()
def test_coupled_equations_have_a_column_for_every_component() -> None:
    """The residual by jets is that by nested autograd, and the manufactured solution satisfies
    every emitted condition.
    """
    module = module_of(coupled())
    points, zero, given = points_of(module), module.INDICES[0], given_to(module)
    layers = module.mlp(8, 2, 2, module.AXES, seed=3)

    def value(p: torch.Tensor, j: int) -> torch.Tensor:
        return module.solution(p, layers, (zero,), **given)[zero][:, j]

    with torch.enable_grad():
        parts = [nested(lambda p, j=j: value(p, j), points, module.INDICES) for j in (0, 1)]
    by_autograd = module.residual(
        points, {i: torch.stack([part[i] for part in parts], -1) for i in module.INDICES}, **given
    )
    by_jets = module.residual(points, module.solution(points, layers, **given), **given)
    assert by_jets.shape == (7, 2)
    assert torch.allclose(by_jets, by_autograd, rtol=0, atol=1e-12 * float(by_autograd.abs().max()))

    def exact(p: torch.Tensor) -> dict[MultiIndex, torch.Tensor]:
        table = {
            i: [sp.lambdify((x1, t), e.diff(x1, i[0], t, i[1]))(*p.T.numpy()) for e in COUPLED]
            for i in module.INDICES
        }
        return {
            i: torch.stack([torch.as_tensor(v) for v in values], -1) for i, values in table.items()
        }

    assert module.residual(points, exact(points), **given).abs().max() < 1e-12
    assert set(module.BOUNDARY) == {"left", "right"}
    for end, name in enumerate(("left", "right")):
        there = points.clone()
        there[:, 0] = end
        assert module.boundary(there, exact(there), name, **given).abs().max() < 1e-12
        assert (module.factor(there, **given)[zero].abs().amax(0) == 0).tolist() == [
            end == 0,
            False,
        ]
    there = points * torch.tensor([0.0, 1.0])
    assert (module.lift(there, **given)[zero] - exact(there)[zero])[:, 0].abs().max() < 1e-12
    start = points * torch.tensor([1.0, 0.0])
    assert (module.lift(start, **given)[zero] - exact(start)[zero]).abs().max() < 1e-12
    assert module.factor(start, **given)[zero].abs().max() == 0


def test_the_operator_takes_feature_axes() -> None:
    module = module_of(CELLS["3D"])
    points, (layer, last) = points_of(module), nets(module, 3)[1]
    features = module.hidden(points, [layer], module.INDICES, module.AXES)
    rows = module.operator(points, features)
    assert rows.shape == (7, 30)
    net = module.cell_functions(points, [layer, (last[0], torch.zeros(3, dtype=torch.float64))])
    assert torch.allclose(rows @ last[0].T, module.operator(points, net), rtol=1e-12, atol=1e-12)


def test_effective_coefficients_by_the_energy_formula_of_the_exact_corrector() -> None:
    """In 1D a (1 + N') is the harmonic mean; the corrected functional keeps it for the exact N, and
    squares the error of a wrong one.
    """
    module = module_of(diffusion_cells(sp.Matrix([[2 + sp.sin(PI2 * y1)]])))
    y = torch.arange(64, dtype=torch.float64)[:, None] / 64
    a = 2 + torch.sin(2 * torch.pi * y)
    exact, wave = 3**0.5 / a - 1, torch.cos(2 * torch.pi * y)

    def effective(error: float) -> float:
        slope = exact + error * wave
        return float(
            module.effective(
                y[None], {(0,): torch.zeros(1, 64, 1, dtype=torch.float64), (1,): slope[None]}
            )["A", (0, 0)]
        )

    assert effective(0.0) == pytest.approx(3**0.5, abs=1e-14)
    assert (effective(1e-3) - 3**0.5) / 1e-6 == pytest.approx(float((a * wave**2).mean()), rel=1e-6)


def test_data_that_contradict_each_other_become_rows() -> None:
    box = Box((0, 1), (0, 1))
    top = [
        Essential(("top",), sp.Integer(1)),
        Essential(("left", "right", "bottom"), sp.Integer(0)),
    ]
    assert set(module_of(equation(sp.eye(2), sp.Integer(0), box, top)).BOUNDARY) == {
        "top",
        "left",
        "right",
    }
    late = equation(
        sp.eye(1),
        sp.Integer(0),
        Box((0, 1)),
        [Essential(("left", "right"), sp.Integer(0))],
        mass=sp.Integer(1),
        initial=x1,
        final_time=sp.Integer(1),
    )
    assert set(module_of(late).BOUNDARY) == {"right"}


def test_further_derivatives_on_demand() -> None:
    source = target.equation(EQUATIONS["homogenized 2D"], "test", [(2, 1)])
    module = emitted(source, "test_residual")
    assert (2, 1) in module.INDICES and (2, 1) in module.lift(points_of(module))


@pytest.mark.parametrize("name", ["lambda", "points", "stack", "A_{11}", "torch", "loads_0"])
def test_any_name_of_a_parameter_becomes_an_argument(name: str) -> None:
    q = sp.Symbol(name, real=True)
    module = module_of(
        equation(
            q * sp.eye(1),
            q * sp.sqrt(q),
            Box((0, 1)),
            [Essential(("left", "right"), sp.S.Zero)],
            parameters=(q,),
        )
    )
    (argument,) = module.GIVEN
    assert module.source(points_of(module), **{argument: 4.0}).tolist() == [8.0] * 7


def test_golden_files(golden: Callable[[str, str], None]) -> None:
    for name, source in {
        "elliptic_2d": target.cells(elliptic_2d()),
        "parametric": target.cells(slow_1d()),
    }.items():
        for file, text in source.files:
            golden(f"torch/{name}_{file}", text)
    for source in (
        target.equation(unsteady(), "unsteady"),
        target.equation(coupled(), "coupled"),
    ):
        for file, text in source.files:
            golden(f"torch/{file}", text)


def test_a_jump_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="jumps"):
        target.cells(with_jump(elliptic_2d()))


def test_a_function_without_a_formula_is_an_argument() -> None:
    opaque, robin = sp.Function("f")(x1), Natural(("left", "right"), sp.S.One, sp.S.Zero)
    source = target.equation(equation(sp.eye(1), opaque.diff(x1), Box((0, 1)), [], [robin]), "test")
    module, x = (
        emitted(source, "test_residual"),
        torch.linspace(0, 1, 5, dtype=torch.float64)[:, None],
    )
    assert module.GIVEN == ("f",)
    assert torch.allclose(module.source(x, f=torch.sin), torch.cos(x[:, 0]))


_SCRIPT = """
import sys
import cell_residual as cell, test_residual as macro
import torch
from runtime.nets.networks import mlp
torch.manual_seed(0)
def train(loss, layers):
    first, optimizer = None, torch.optim.Adam([p for layer in layers for p in layer], lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        first = first or float(value)
    return float(value) / first
layers = mlp(8, 1, len(cell.FUNCTIONS), cell.AXES)
points = torch.rand(200, 2, dtype=torch.float64)
print(train(lambda: cell.residual(points, cell.cell_functions(points, layers)).square().mean(), layers))
layers = mlp(8, 1, 1, macro.AXES)
print(train(lambda: macro.residual(points, macro.solution(points, layers)).square().mean(), layers))
print(sorted(name for name in sys.modules if name.split(".")[0] in ("nhpinn_sym", "sympy") and "torch" not in name))
"""


def test_saved_files_stand_alone_and_train(tmp_path: Path) -> None:
    target.cells(elliptic_2d()).save(tmp_path)
    target.equation(EQUATIONS["homogenized 2D"], "test").save(tmp_path)
    for name in ("cell_residual.py", "test_residual.py"):
        imports = [
            line
            for line in (tmp_path / name).read_text().splitlines()
            if line.startswith(("import ", "from "))
        ]
        assert all(
            re.match(r"import (math|torch)$|from (runtime|\w+_coefficients)\b", i) for i in imports
        )
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    cell, macro, loaded = done.stdout.splitlines()
    assert float(cell) < 0.2 and float(macro) < 0.2
    assert "nhpinn_sym" not in loaded
