"""What the mains of an emitted folder share: arguments name=value, and what is printed and
written.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from .effective import Effective
from .lagrange_grid import difference_at_nodes, ranges, save_grid
from .rigid_modes import require_balance

ParameterValues = dict[str, float]
# The arguments that say how fine a solve is.
_SIZES = ("n", "steps", "degree", "halvings")
# A relative change above which a result is in doubt.
_POOR = 1e-2


def numbers(
    arguments: Sequence[str], parameters: Mapping[str, float], **defaults: float
) -> ParameterValues:
    """The parameters and the defaults, with what the arguments say instead; 1/8 is a number.

    SystemExit for other names, for what is no number, and for parameters with a name of a default.
    """
    for name in parameters.keys() & defaults.keys():
        raise SystemExit(f"{name}: a parameter has the name of an option of the mains; rename it")
    found = {**defaults, **parameters}
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name not in found:
            raise SystemExit(f"{name}: there is only {', '.join(f'{n}=...' for n in found)}")
        try:
            found[name] = float(Fraction(value))
        except (ValueError, ZeroDivisionError):
            raise SystemExit(f"{argument}: no number") from None
    return found


def write_effective(
    effective: Callable[[ParameterValues], Effective], given: ParameterValues, first: bool = True
) -> None:
    """Print the effective coefficients, with their change from half the `n`, or from one `degree`
    less, and write effective.json; all ranks solve, the `first` writes.
    """
    found = effective(given)
    change = found.change(effective(_halved(given)))
    if first:
        print(f"{found}\nchange from {_coarser(given)}: {change:.1e}")
        tell_doubt(change, _finer(given))
        found.save("effective.json")


def write_solution(
    name: str,
    solve: Callable[[ParameterValues], tuple[Any, float]],
    given: ParameterValues,
    components: int,
    first: bool = True,
) -> None:
    """Print the range of a solution, with its change from half the `n` and the `steps`, or from one
    of the `halvings` less, and write its values at the nodes to {name}.npz; all ranks solve, the
    `first` writes.

    solve: the solution, and the relative imbalance of the data; SystemExit for one, and for no
    halvings.
    """
    if given.get("halvings", 1) < 1:
        raise SystemExit("give halvings=1 or more: the mesh with one less shows the error")
    grid, defect = solve(given)
    require_balance(defect)
    change = difference_at_nodes(grid, solve(_halved(given))[0])
    if first:
        shown = grid.nodal()
        print(f"{ranges(shown, components)}; change from {_coarser(given)}: {change:.1e}")
        tell_doubt(change, _finer(given))
        save_grid(shown, f"{name}.npz", components)


def tell_doubt(change: float, remedy: str) -> None:
    """A line on stderr where the last change says that a result has not converged."""
    if not change <= _POOR:
        print(f"NOT CONVERGED, it may be {change:.0%} off: {remedy}", file=sys.stderr)


def _finer(given: ParameterValues) -> str:
    """What makes the change smaller."""
    return f"raise {', '.join(f'{k}=' for k in _SIZES if k in given)}"


def _halved(given: ParameterValues) -> ParameterValues:
    """Half the mesh cells and time steps, one degree less."""
    halved = {k: max(1.0, v // 2) for k, v in given.items() if k in ("n", "steps")}
    lower = {k: max(1.0, v - 1) for k, v in given.items() if k == "degree"}
    if "halvings" in given:
        lower["halvings"] = given["halvings"] - 1
    return {**given, **halved, **lower}


def _coarser(given: ParameterValues) -> str:
    if "halvings" in given:
        return f"elements of twice the size, halvings={given['halvings'] - 1:g}"
    if "n" in given:
        return f"half of n={given['n']:g}"
    return f"elements of one degree less than degree={given['degree']:g}"
