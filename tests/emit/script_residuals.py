"""Scripts for the other PINN libraries against the emitted residuals of torch, each library in a
process of its own: it changes the defaults of torch for all of it.

python -m tests.emit.script_residuals FOLDER TARGET ... writes FOLDER/TARGET/differences.json, for
random nets at random points the largest difference of each residual over its largest value, and
runs the scripts of one problem. Models are derived before the processes part.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy as sp
import torch

import nhpinn_sym as nh
from nhpinn_sym.emit.source import Source
from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.lower.equation import lower_homogenized
from nhpinn_sym.lower.forms import LoweredCells
from nhpinn_sym.lower.real_imaginary import real_equation, real_form
from nhpinn_sym.runtime.effective import Effective
from nhpinn_sym.runtime.nets.jets import Jet, column

from ..emitted import emitted
from .nonlinear_problems import NONLINEAR, fine_residual, monotone, state_residual
from .script_problems import OF_PINA, PI2, PROBLEMS, clamped

COUNT = 40


@cache
def derived(build: Callable[[], nh.MultiscaleProblem]) -> tuple[Any, Source]:
    """A model, and its files for torch."""
    model = nh.homogenize(build())
    return model, nh.emit(model, "torch")


def differences(target: str, folder: Path, name: str) -> Iterator[tuple[str, float]]:
    """Of every residual of a problem; of a wall, the least over the functions of the script."""
    model, ours = derived(PROBLEMS[name])
    scripts = nh.emit(model, target)
    scripts.save(folder)
    equations = [e for e in ("homogenized", "fine") if f"{e}.py" in dict(scripts.files)]
    law = _law(model) if "homogenized" in equations else {}
    numbers = {key: np.array(1.5 + k) for k, key in enumerate(law)}
    parameters = {s.name: 3.0 for s in model.problem.parameters}
    Effective({}, numbers, parameters, {}).save(folder / "effective.json")
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    cells = runpy.run_path("cells.py")
    yield f"{name}: cells", _cells(ours, cells, parameters)
    if name.startswith("class"):
        yield f"{name}: means", _means(lower_cells(model), cells)
    for equation in equations:
        script = runpy.run_path(f"{equation}.py")
        given = parameters | {"epsilon": 0.25} | {e: float(numbers[k]) for k, e in law.items()}
        for label, value in _equation(ours, script, given, equation, model.problem.domain):
            yield f"{name}: {equation}{label}", value


def exact(target: str, folder: Path) -> Iterator[tuple[str, float]]:
    """A laminate with 1/a = 2 + cos(2 pi y): N = sin(2 pi y)/(4 pi) and A = 1/2."""
    s = nh.Scales(1)
    u = s.unknown("u")
    a = 1 / (2 + sp.cos(PI2 * s.y[0]))
    problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    nh.emit(nh.homogenize(problem), target).save(folder)
    os.chdir(folder)
    script = runpy.run_path("cells.py")
    points = (torch.arange(64, dtype=torch.float64) / 64)[:, None]
    points, outputs = _labelled_values(
        script, points, ["y1"], lambda at: torch.sin(2 * torch.pi * at) / (4 * torch.pi)
    )
    mean = torch.as_tensor(script["effective"](points, outputs)["A", (0, 0)]).mean()
    yield "exact: A", abs(mean.item() - 0.5)
    residual = script["residuals"](points, outputs).detach().as_subclass(torch.Tensor)
    yield "exact: residual", float(residual.abs().max())


def slope(target: str, folder: Path) -> Iterator[tuple[str, float]]:
    """Where a plate is clamped at the top with w = x1 x2^2, x1 x2^3 has its value, and a slope that
    is x1 too large.
    """
    nh.emit(nh.homogenize(clamped()), target).save(folder)
    os.chdir(folder)
    script = runpy.run_path("fine.py")
    at = _places([("x1", 0, 1), ("x2", 0, 1)])
    at[:, 1] = 1.0
    points, outputs = _labelled_values(script, at, ["x1", "x2"], lambda x: x[:, :1] * x[:, 1:] ** 3)
    expected = torch.stack([torch.zeros(COUNT), at[:, 0]], dim=1)
    more = () if "LabelTensor" in script else (None,)
    walls = [f(points, outputs, *more) for key, f in script.items() if key.startswith("wall_")]
    yield "clamped: wall", min(_difference(expected, found) for found in walls)


def nonlinear(target: str, folder: Path) -> Iterator[tuple[str, float]]:
    """Strong residuals, and divergences, by autograd, of the integrands for torch, against the
    equations as they are written.
    """
    for name, build in NONLINEAR.items():
        model, ours = derived(build)
        nh.emit(model, target).save(folder / name)
        os.chdir(folder / name)
        d = model.state.dim
        for part, written in {"fine": fine_residual, "state": state_residual}.items():
            module = emitted(ours, f"{part}_torch")
            script = runpy.run_path(f"{part}.py")
            names = [*module.COORDINATES]
            if part == "fine" and model.state.timely:
                names.append(module.TIME)
            unit = _places([("", 0.2, 0.9)] * len(names))
            found = _of_script(script, script["residuals"], unit, names, model.components)
            text = _by_autograd(module, script["PARAMETERS"], unit, names, model.components, d)
            expected = torch.tensor(written(model.problem, script["PARAMETERS"], unit.numpy()))
            yield f"{name}: {part}", _difference(expected, found)
            yield f"{name}: {part} for torch", _difference(expected, text)
    script = runpy.run_path(str(folder / "monotone" / "fine.py"))
    at = _places([("", 0.2, 0.9)] * 2)
    at[:, 0] = 1.0
    module = emitted(derived(monotone)[1], "fine_torch")
    data, values = _data(module, script["PARAMETERS"], at, ["x1", "x2"], 1, 2)
    across = module.values(data)["flux"][0, 0] + 2 * values[0] - data["x1"]
    walls = [f for key, f in script.items() if key.startswith("wall_")]
    found = [_of_script(script, f, at, ["x1", "x2"], 1) for f in walls]
    yield "monotone: wall", min(_difference(across[:, None], f) for f in found)


def _functions(points: torch.Tensor, components: int) -> list[torch.Tensor]:
    """(n,) of each component."""
    total = sum((k + 1) * points[:, k] for k in range(points.shape[1]))
    return [torch.sin(total + j) + points[:, 0] ** 2 for j in range(components)]


def _of_script(
    script: dict[str, Any], function: Any, unit: torch.Tensor, names: list[str], components: int
) -> torch.Tensor:
    """What a script makes of them."""
    points, outputs = _labelled_values(
        script, unit, names, lambda at: torch.stack(_functions(at, components), -1)
    )
    labelled = "LabelTensor" in script
    more = (None,) if not labelled and function is not script["residuals"] else ()
    found: torch.Tensor = function(points, outputs, *more)
    return found


def _labelled_values(
    script: dict[str, Any], unit: torch.Tensor, names: list[str], values: Any
) -> tuple[Any, Any]:
    """Points, and what `values` gives there, as the library of a script takes them."""
    problem = script.get("CellProblem") or script.get("BoundaryValueProblem")
    points: Any = unit.clone()
    if problem is not None:
        points = script["LabelTensor"](points, names)
    points.requires_grad_()
    outputs = values(points.as_subclass(torch.Tensor))
    if problem is not None:
        outputs = script["LabelTensor"](outputs, problem.output_variables)
    return points, outputs


def _slope(values: torch.Tensor, points: torch.Tensor, axis: int) -> torch.Tensor:
    return torch.autograd.grad(values.sum(), points, create_graph=True)[0][:, axis]


def _data(
    module: Any, given: dict[str, float], unit: torch.Tensor, names: list[str], m: int, d: int
) -> tuple[dict[str, Any], list[torch.Tensor]]:
    points = unit.clone().requires_grad_()
    values = _functions(points, m)
    numbers = {key: torch.full_like(values[0], value) for key, value in given.items()}
    data: dict[str, Any] = {**numbers, **dict(zip(names, points.T))}
    cell = hasattr(module, "CELL")
    for j, value in enumerate(values):
        data["N_N_" * cell + "N_u_" * (not cell) + str(j)] = value
        for k in range(d):
            slope = _slope(value, points, k)
            data[f"N_p_{j}_{k}"] = slope + given.get(f"N_xi_{j}_{k}", 0.0)
    data["at"] = points
    return data, values


def _by_autograd(
    module: Any, given: dict[str, float], unit: torch.Tensor, names: list[str], m: int, d: int
) -> torch.Tensor:
    data, _ = _data(module, given, unit, names, m, d)
    tables = module.values(data)
    points = data["at"]
    rows = []
    for i in range(m):
        rest = tables["source" if hasattr(module, "CELL") else "reaction"].get((i,), 0.0)
        for k in range(d):
            rest = rest - _slope(tables["flux"][i, k], points, k)
        if len(names) > d:
            rest = rest + _slope(tables["storage"][i,], points, d)
        rows.append(rest)
    return torch.stack(torch.broadcast_tensors(*rows), -1)


def _law(model: nh.HomogenizedModel) -> dict[tuple[str, tuple[int, ...]], str]:
    """The names of effective coefficients in the homogenized equation."""
    lowered = lower_homogenized(model)
    lowered = real_equation(lowered) if lowered.complex else lowered
    return {(e.name, e.index): e.symbol.name for e in lowered.externals}


def _cells(ours: Source, script: dict[str, Any], parameters: dict[str, float]) -> float:
    module = emitted(ours, "cell_residual")
    given = dict(zip(module.GIVEN, parameters.values()))
    count = len(module.FUNCTIONS) * module.COMPONENTS
    points = _places(module.AXES)
    layers = _frozen(module.mlp(8, 2, count, module.AXES, 1))
    everything = tuple(sorted({*module.INDICES, *module.KNOWN_INDICES}, key=lambda a: (sum(a), a)))
    d = module.network(points, layers, everything, module.AXES)
    rows = []
    for stage, (_, members) in enumerate(module.STAGES):
        held = range(members[0] * module.COMPONENTS, (members[-1] + 1) * module.COMPONENTS)
        own: Jet = {a: value[..., list(held)] for a, value in d.items()}
        rows.append(module.residual(points, own, stage, d, **given))
    residual = script["residuals"](*_labelled(script, points, layers, module))
    return _difference(torch.cat(rows, -1), residual)


def _means(lowered: LoweredCells, script: dict[str, Any]) -> float:
    """Effective coefficients of periodic functions on a unit cell, by their definition."""
    lowered = real_form(lowered) if lowered.complex else lowered
    y, m = lowered.coordinates, lowered.components
    waves = [
        sp.sin(PI2 * sum((1 + (j + k) % 2) * v for k, v in enumerate(y)) + j)
        for j in range(len(lowered.functions) * m)
    ]

    def on_grid(e: sp.Expr, at: Any, library: Any) -> Any:
        return sp.lambdify(y, e, library)(*at)

    grid = np.stack(np.meshgrid(*[np.arange(12) / 12] * len(y), indexing="ij"), -1)
    points, outputs = _labelled_values(
        script,
        torch.tensor(grid.reshape(-1, len(y))),
        [v.name for v in y],
        lambda at: torch.stack([on_grid(w, at.T, torch) for w in waves], -1),
    )
    means = script["effective"](points, outputs)
    difference = 0.0
    for f in lowered.effective:
        exact = f.constant
        for t in f.terms:
            held = [
                _derived(waves[n.function * m + n.component], y, n.derivative) for n in t.factors
            ]
            exact += t.coefficient * sp.Mul(*held)
        expected = np.mean(on_grid(exact, np.moveaxis(grid, -1, 0), np))
        found = torch.as_tensor(means[f.name, f.index]).mean().item()
        difference = max(difference, abs(found - expected))
    return difference


def _derived(e: sp.Expr, y: Sequence[sp.Symbol], index: Sequence[int]) -> sp.Expr:
    return sp.diff(e, *[(v, n) for v, n in zip(y, index) if n]) if any(index) else e


def _equation(
    ours: Source, script: dict[str, Any], numbers: dict[str, float], equation: str, domain: nh.Box
) -> Iterator[tuple[str, float]]:
    module = emitted(ours, f"{equation}_residual")
    given = {g: numbers[g] if g in numbers else script[g] for g in module.GIVEN}
    components = getattr(module, "COMPONENTS", 1)
    layers = _frozen(module.mlp(8, 2, components, module.AXES, 1))
    points = _places(module.AXES)

    def jet(at: torch.Tensor) -> Jet:
        d = module.network(at, layers, module.INDICES, module.AXES)
        return d if components > 1 else column(d, 0)

    residual = script["residuals"](*_labelled(script, points, layers, module))
    yield "", _difference(module.residual(points, jet(points), **given), residual)
    walls = [f for key, f in script.items() if key.startswith("wall_")]
    for name in module.BOUNDARY:
        part = domain.part(name)
        at = points.clone()
        at[:, part.axis] = float(part.place)
        expected = module.boundary(at, jet(at), name, **given)
        columns = [_called(script, f, at, layers, module) for f in walls]
        # The torch text holds by its ansatz what stands in the first columns at fourth order.
        found = [c.as_subclass(torch.Tensor)[:, -expected[0].numel() :] for c in columns]
        yield f", {name}", min(_difference(expected, c) for c in found)


def _called(script: dict[str, Any], function: Any, *rest: Any) -> torch.Tensor:
    more = (None,) if "dde" in script else ()
    found: torch.Tensor = function(*_labelled(script, *rest), *more)
    return found


def _labelled(
    script: dict[str, Any], points: torch.Tensor, layers: Any, module: SimpleNamespace
) -> tuple[Any, Any]:
    """Points, and the values of the net there, as the library of a script takes them."""
    zero = (0,) * points.shape[-1]
    return _labelled_values(
        script,
        points,
        list(module.COORDINATES),
        lambda at: module.network(at, layers, (zero,), module.AXES)[zero],
    )


def _frozen(layers: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(w.detach(), b.detach() + 0.1) for w, b in layers]


def _places(axes: Any) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    unit = torch.rand(COUNT, len(axes), generator=generator, dtype=torch.float64)
    low, high = (torch.tensor([axis[k] for axis in axes], dtype=unit.dtype) for k in (1, 2))
    return low + (high - low) * unit


def _difference(expected: torch.Tensor, found: Any) -> float:
    found = found.detach().as_subclass(torch.Tensor).reshape(expected.shape)
    expected = expected.detach()
    return float((expected - found).abs().max() / expected.abs().max())


def compare(target: str, folder: Path) -> None:
    found = {}
    for name in PROBLEMS if target == "deepxde" else OF_PINA:
        found |= dict(differences(target, folder / name, name))
    found |= dict(exact(target, folder / "exact"))
    found |= dict(slope(target, folder / "slope"))
    found |= dict(nonlinear(target, folder / "nonlinear"))
    (folder / "differences.json").write_text(json.dumps(found))
    for name in ("cells", "homogenized", "fine"):
        os.chdir(folder / "reacting")
        sys.argv = [f"{name}.py", "3"]
        runpy.run_path(f"{name}.py", run_name="__main__")


def main(folder: str, *targets: str) -> int:
    for build in (*PROBLEMS.values(), *NONLINEAR.values()):
        derived(build)
    fork = multiprocessing.get_context("fork")
    failed = 0
    for target in targets:
        process = fork.Process(target=compare, args=(target, Path(folder, target)))
        process.start()
        process.join()
        failed += process.exitcode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
