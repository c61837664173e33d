"""What main_law.py of an emitted folder does: the law at one macroscopic state that its arguments
name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .fourier.states import LawValues, MacroState
from .nonlinear_arrays import MACRO, VALUE

_SHOWN = ("flux", "flux_p", "reaction", "storage")


def macro_state(forms: Any, given: Mapping[str, float]) -> MacroState:
    """The state with values N_u_j and slopes N_xi_j_l, and the numbers of slow coordinates and
    parameters.
    """
    m = int(forms.COMPONENTS)
    d = int(forms.DIM)
    values = np.array([[given[f"{VALUE}_{j}"]] for j in range(m)])
    slopes = [[[given[f"{MACRO}_{j}_{k}"]] for k in range(d)] for j in range(m)]
    others: dict[str, Any] = {name: np.array([given[name]]) for name in forms.SLOW}
    others |= {name: given[name] for name in forms.PARAMETERS}
    return MacroState(values, np.array(slopes), others)


def write_law(
    solve: Callable[[MacroState, int], LawValues],
    forms: Any,
    given: Mapping[str, float],
    first: bool = True,
) -> None:
    """Print flux, tangent (flux_p), reaction and storage at a state, with the change of the flux
    from half the `n`, and write law.json; all ranks solve, the `first` writes.
    """
    macro = macro_state(forms, given)
    n = int(given["n"])
    found = solve(macro, n)
    half = solve(macro, max(n // 2, 3))
    size = float(np.abs(found.flux).max()) or 1.0
    change = float(np.abs(found.flux - half.flux).max()) / size
    arrays = {name: found.arrays[name][..., 0].tolist() for name in _SHOWN}
    if first:
        for name, array in arrays.items():
            print(f"{name} = {array}")
        print(f"change of the flux from half of n={n}: {change:.1e}")
        Path("law.json").write_text(f"{json.dumps({'state': dict(given), **arrays})}\n")
