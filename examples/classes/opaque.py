"""Anisotropic elasticity in three dimensions with 21 moduli c_1(y), ..., c_21(y) that have no
formula: the derivation to second order, formulas for 6 + 18 cell problems and for the effective
stiffness. A second or two, most of it printing.

For numbers `coefficients` holds a function for each modulus, here of layers (2 + cos(2 pi y1)) C
with constant C: `nhpinn cells` and `nhpinn validate` take them from this file, and so does
`nh.solve_cells(model, "fourier", coefficients=coefficients)`.

References: Sanchez-Palencia, Non-Homogeneous Media and Vibration Theory (1980).
"""

import itertools
from functools import partial

import numpy as np
import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(3)
v = s.unknown("v", components=3)
e = s.sym_grad(v)
pairs = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
moduli = {}
for number, (m, n) in enumerate(itertools.combinations_with_replacement(range(6), 2), 1):
    moduli[m, n] = moduli[n, m] = sp.Function(f"c_{number}")(*s.y)
voigt = {tuple(sorted(pair)): m for m, pair in enumerate(pairs)}
strain = [e[pair] * (1 if m < 3 else 2) for m, pair in enumerate(pairs)]
stress = sp.Matrix(
    3, 3, lambda i, j: sum(moduli[voigt[tuple(sorted((i, j)))], n] * strain[n] for n in range(6))
)

STIFFNESS = np.diag([6.0, 5, 7, 2, 1.5, 1]) + 0.3 * np.cos(np.add.outer(range(6), range(6)))


def layers(modulus, y1, y2, y3):
    """The modulus times 2 + cos(2 pi y1), of arrays and of tensors of torch."""
    if isinstance(y1, np.ndarray):
        return modulus * (2 + np.cos(2 * np.pi * y1))
    return modulus * (2 + (2 * np.pi * y1).cos())


coefficients = {
    f"c_{number}": partial(layers, STIFFNESS[m, n])
    for number, (m, n) in enumerate(itertools.combinations_with_replacement(range(6), 2), 1)
}

problem = nh.MultiscaleProblem(
    (-s.div(stress), sp.Matrix([0, 0, -1])),
    scales=s,
    unknown=v,
    name="anisotropic elasticity with moduli without a formula",
)

if __name__ == "__main__":
    model = nh.homogenize(problem, order=2)
    print(model.cell_problems[0])
    print("A_1111 =", model.effective["A"][0, 0, 0, 0])
    print(len(model.cell_problems), "cell problems")
