"""study: errors at many eps, mesh sizes or numbers of features, and the rates they fall at.

1. read     the values, and which points are there from an earlier run
2. measure  what they have in common, once: the cell problems, what they are compared with
3. points   one after the other, or side by side on an executor; each is written when it is done
4. rates    observed against expected (study_orders); table, CSV, JSON, plots (study_result)
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import sympy as sp

from .. import __version__
from ..problem.errors import ProblemError, shortened
from ..problem.problem import MultiscaleProblem
from ..problem.user_input import instance, listed, positive_integer
from ..solve.periods import number_expression, positive_eps
from ..solve.progress import Progress, silent
from ..solve.workers import each_done
from .plain import is_plain
from .settings import Settings, problem_key
from .stored_parts import Store, json_text
from .study_orders import ExpectedOrders, eps_orders, mesh_orders
from .study_points import (
    StudyPoint,
    eps_point,
    eps_reference,
    mesh_point,
    mesh_reference,
    net_point,
    net_reference,
)
from .study_result import Study as Study
from .versions import versions

# Values that a rate needs.
_FEWEST = 2


def study(
    problem: MultiscaleProblem,
    *,
    eps: Sequence[object] | None = None,
    h: Sequence[object] | None = None,
    features: Sequence[int] | None = None,
    out: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    fem: str = "auto",
    pinn: Mapping[str, Any] | None = None,
    per_period: int | None = None,
    tolerance: float | None = None,
    parameters: Mapping[sp.Symbol, float] | None = None,
    coefficients: Mapping[str, Callable[..., Any]] | None = None,
    progress: Progress | None = None,
) -> Study:
    """How errors fall with `eps`, with the mesh size `h` or with the number of `features` of the
    nets: one of the three, at least two values. Rates are observed over all of the values.

    eps      : e1, e2, e4 and the first-order approximation, as `validate` finds them at each eps.
    h        : FEM with 1/h cells a period, or along the longest side of the domain: effective
               coefficients, cell functions, the homogenized solution; of a problem without fast
               variables its solution. The reference has a mesh four times as fine.
    features : the PINN, likewise, against FEM. Where data are smooth errors fall faster than any
               power, and no rate is expected.
    out      : folder for study.csv, study.json, study.png, study.svg and the points, which are not
               computed again; None writes nothing.
    executor : any executor of `concurrent.futures`, on which points run side by side, as for
               `solve_many`; None runs them here, one after the other.
    The others are those of `validate`; those that a study has no use for are refused.
    Errors: ProblemError for what cannot be meant; those of the solves, while the points that are
    done stay.

    Example, for a problem in a box with conditions on its faces:

        found = nh.study(problem, eps=[1/4, 1/8, 1/16], out="out/rates")
        found.rates["e4"], found.expected["e4"]

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(
    ...     sp.Eq(-s.div(a * s.grad(u)), 1),
    ...     scales=s,
    ...     unknown=u,
    ...     domain=nh.Box((0, 1)),
    ...     boundary=[nh.Dirichlet(0)],
    ... )
    >>> found = nh.study(problem, h=[1 / 4, 1 / 8], fem="skfem")
    >>> found.expected["N, L2"], bool(found.rates["N, L2"] > 1.5)
    (3, True)
    """
    problem = instance(
        problem,
        MultiscaleProblem,
        "the problem",
        "write problem = MultiscaleProblem(equation, ...)",
    )
    settings = Settings.read(
        problem, fem, pinn, per_period, tolerance, parameters, progress, coefficients
    )
    sweep = _sweep(problem, settings, {"eps": eps, "h": h, "features": features})
    store = Store(
        out, repr((versions(settings.fem), problem_key(problem), settings.key(), sweep.key))
    )
    points = _points(problem, settings, sweep, store, executor)
    found = _result(problem, settings, sweep, points, store)
    _write(found, store)
    return found


@dataclass(frozen=True)
class _Sweep:
    """The values of a study. arguments: what the work at each is given.

    reference: makes what all points have in common.
    """

    kind: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    arguments: tuple[Any, ...]
    work: Callable[..., StudyPoint]
    reference: Callable[[], Any]
    expected: ExpectedOrders

    @property
    def key(self) -> tuple[Any, ...]:
        """What every point depends on, its value aside."""
        finest = max(self.arguments) if self.kind == "h" else None
        return (self.kind, finest)


def _sweep(
    problem: MultiscaleProblem, settings: Settings, given: Mapping[str, Sequence[object] | None]
) -> _Sweep:
    """The one study that was asked for; ProblemError for what is none."""
    asked = {kind: values for kind, values in given.items() if values is not None}
    if len(asked) != 1:
        raise ProblemError(
            "a study takes one of eps=, h= and features=",
            term=", ".join(asked) or "none of them",
            remedy="write eps=[1/4, 1/8, 1/16]",
        )
    ((kind, given_values),) = asked.items()
    items = _distinct(kind, given_values)
    if kind == "eps":
        if is_plain(problem):
            raise ProblemError(
                "a problem without fast variables holds no eps",
                term=problem,
                remedy="write h=[1/8, 1/16, 1/32] or features=[50, 100, 200]",
            )
        numbers = [_expression(item) for item in items]
        return _ordered(
            _Sweep(
                kind,
                tuple(map(_label, items)),
                tuple(map(float, numbers)),
                tuple(numbers),
                eps_point,
                lambda: eps_reference(problem, settings),
                eps_orders(problem, settings.parameters),
            )
        )
    _refuse_unused(settings)
    if kind == "h":
        counts = tuple(map(_cells, items))
        labels = tuple(map(_label, items))
        return _ordered(
            _Sweep(
                kind,
                labels,
                tuple(1 / n for n in counts),
                counts,
                mesh_point,
                lambda: mesh_reference(problem, settings, max(counts)),
                mesh_orders(problem, settings),
            )
        )
    counts = tuple(positive_integer(item, "features") for item in items)
    return _ordered(
        _Sweep(
            kind,
            tuple(map(str, counts)),
            tuple(map(float, counts)),
            counts,
            net_point,
            lambda: net_reference(problem, settings),
            {},
        )
    )


def _ordered(sweep: _Sweep) -> _Sweep:
    """From the largest eps or h on, from the fewest features on."""
    sign = 1 if sweep.kind == "features" else -1
    order = sorted(range(len(sweep.values)), key=lambda k: sign * sweep.values[k])
    if len(set(sweep.values)) < len(order):
        raise ProblemError(
            f"{sweep.kind}= holds a value twice",
            term=", ".join(sweep.labels),
            remedy="name each once",
        )
    return replace(
        sweep,
        labels=tuple(sweep.labels[k] for k in order),
        values=tuple(sweep.values[k] for k in order),
        arguments=tuple(sweep.arguments[k] for k in order),
    )


def _distinct(kind: str, values: object) -> tuple[Any, ...]:
    items = listed(values, f"{kind}=", f"write {kind}=[...]")
    if len(items) < _FEWEST:
        raise ProblemError(
            f"a rate needs {_FEWEST} values at least",
            term=f"{kind}={shortened(values)}",
            remedy="three or four show whether it stays",
        )
    return items


def _expression(item: object) -> sp.Expr:
    positive_eps(item)
    return number_expression(item)


def _label(item: object) -> str:
    """1/8 for 0.125."""
    number = number_expression(item)
    if isinstance(number, sp.Float):
        near = Fraction(float(number)).limit_denominator(10**6)
        if float(near) == float(number):
            return str(near)
        return str(float(number))
    return sp.sstr(number)


def _cells(item: object) -> int:
    """1/h."""
    size = positive_eps(item, "h")
    count = round(1 / size)
    if count < 1 or abs(count * size - 1) > 1e-9:
        raise ProblemError(
            "1/h is the number of mesh cells along an axis",
            term=f"h={shortened(item)}",
            remedy="write h=[1/8, 1/16, 1/32]",
        )
    return count


def _refuse_unused(settings: Settings) -> None:
    for name in ("per_period", "tolerance"):
        value = getattr(settings, name)
        if value is not None:
            raise ProblemError(
                f"{name}= has no effect on a study of meshes or features",
                term=f"{name}={value!r}",
                remedy="leave it out",
            )


def _points(
    problem: MultiscaleProblem,
    settings: Settings,
    sweep: _Sweep,
    store: Store,
    executor: Executor | None,
) -> list[StudyPoint]:
    """The points in the order of the values; those of an earlier run are read."""
    count = len(sweep.labels)
    names = [_file_name(sweep.kind, label) for label in sweep.labels]
    found: dict[int, StudyPoint] = {}
    for k, name in enumerate(names):
        arrays = store.known(name)
        if arrays is not None:
            found[k] = StudyPoint.read(arrays)
    missing = [k for k in range(count) if k not in found]
    if not missing:
        return [found[k] for k in range(count)]
    with settings.progress(f"study of {sweep.kind}") as task:
        task.update(len(found) / count, f"{len(found)} of {count} points")
        shared = sweep.reference()
        own = settings if executor is None else replace(settings, progress=silent)
        given = [(problem, own, sweep.arguments[k], shared) for k in missing]
        titles = [f"{sweep.kind} = {sweep.labels[k]}" for k in missing]
        done: Iterator[tuple[int, StudyPoint]]
        if executor is None:
            done = ((i, sweep.work(*arguments)) for i, arguments in enumerate(given))
        else:
            done = each_done(sweep.work, given, titles, executor)
        for i, point in done:
            k = missing[i]
            store.arrays(names[k], point.arrays)
            found[k] = point
            task.update(len(found) / count, f"{len(found)} of {count} points, {titles[i]}")
    return [found[k] for k in range(count)]


def _file_name(kind: str, label: str) -> str:
    return f"{kind}_{re.sub('[^0-9A-Za-z.]', '_', label)}"


def _result(
    problem: MultiscaleProblem,
    settings: Settings,
    sweep: _Sweep,
    points: Sequence[StudyPoint],
    store: Store,
) -> Study:
    # What some points lack, none shows.
    names = [name for name in points[0].errors if all(name in p.errors for p in points)]
    expected = {name: order for name, order in sweep.expected.items() if name in names}
    title = f"{problem.name or 'problem'}: study of {sweep.kind}"
    return Study(
        title,
        sweep.kind,
        sweep.labels,
        sweep.values,
        {name: tuple(p.errors[name] for p in points) for name in names},
        {name: tuple(p.floors.get(name, 0.0) for p in points) for name in names},
        {name: order.least for name, order in expected.items()},
        tuple(p.note for p in points),
        tuple(p.seconds for p in points),
        {"fem": settings.fem, "resumed": list(store.taken), "version": __version__},
        store.folder,
        {name: order.most for name, order in expected.items()},
    )


def _write(found: Study, store: Store) -> None:
    if store.folder is None:
        return
    store.write("study.csv", found.csv().encode())
    store.write("study.json", json_text(found.as_dict()))
    store.write("study.txt", str(found).encode(errors="backslashreplace"))
    for name, data in found.pictures():
        store.write(name, data)
