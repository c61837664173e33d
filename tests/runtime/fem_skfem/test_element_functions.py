from typing import Any

import numpy as np
import pytest
import skfem
from skfem.helpers import dot, grad

from nhpinn_sym.runtime.fem_skfem.element_functions import ElementFunctions
from nhpinn_sym.runtime.fem_skfem.fitted_space import FittedSpace
from nhpinn_sym.runtime.fem_skfem.hermite_space import HermiteSpace
from nhpinn_sym.runtime.fem_skfem.space import Space
from nhpinn_sym.runtime.fitted.functions import FittedMesh
from nhpinn_sym.runtime.lattice import Lattice
from tests.runtime.fitted.samples import HEXAGONAL, mesh_of

GRADED = Lattice(((np.linspace(0, 1, 4)) ** 2, np.linspace(0, 2, 3)))
EVEN = Lattice.uniform(((0.0, 1.0), (0.0, 2.0)), (3, 2))
SPACES = {
    "graded": Space(GRADED, 2, (0,)),
    "congruent": Space(EVEN, 2, (0, 1)),
    "hermite": HermiteSpace(EVEN, 3, (0,)),
    "curved": FittedSpace(FittedMesh(mesh_of([((0.0, 0.3), 0.3)], 4, HEXAGONAL), (0.0, 0.0)), 3),
}


@pytest.mark.parametrize("name", SPACES)
def test_integrals_are_those_of_forms_of_scikit_fem(name: str) -> None:
    space = SPACES[name]
    functions = ElementFunctions(space)
    e, q = functions.weights.shape
    rng = np.random.default_rng(0)
    r, b, c, t = (rng.standard_normal((*axes, e, q)) for axes in ((), (2,), (2,), (2, 2)))
    held = {"r": r, **{f"b{k}": b[k] for k in range(2)}, **{f"c{k}": c[k] for k in range(2)}}
    held |= {f"t{k}{n}": t[k, n] for k in range(2) for n in range(2)}

    def bilinear(u: Any, v: Any, w: Any) -> Any:
        total = w.r * u * v
        for k in range(2):
            total = total + w[f"b{k}"] * u.grad[k] * v + w[f"c{k}"] * u * v.grad[k]
            total = total + sum(w[f"t{k}{n}"] * u.grad[n] for n in range(2)) * v.grad[k]
        return total

    wanted = space.matrix(skfem.BilinearForm(bilinear), space.basis, held)
    products = functions.products((c, t), (r, b))
    assert products is not None
    found = functions.matrix({(0, 1): products}, 2).toarray()
    assert np.abs(found[::2, 1::2] - wanted).max() < 1e-12 * abs(wanted).max()
    assert not np.any(found[1::2]) and not np.any(found[:, ::2])
    driven = skfem.LinearForm(lambda v, w: w.r * v + w.b0 * v.grad[0] + w.b1 * v.grad[1])
    vector, size = space.measured(driven, space.basis, held)
    own, own_size = functions.load(b, r)
    assert np.abs(own - vector).max() < 1e-12 * size
    assert name == "hermite" or own_size == pytest.approx(size)  # where dofs are not scaled
    u = rng.standard_normal(functions.count)
    energy = skfem.Functional(lambda w: dot(grad(w.u), grad(w.u)) + w.u**2)
    values, slopes = functions.fields(u[:, None])
    squares = functions.weights * (values[0] ** 2 + np.sum(slopes[0] ** 2, axis=0))
    exact = energy.assemble(space.basis, u=space.prolongation @ u)
    assert squares.sum() == pytest.approx(exact)
    assert functions.products((0 * c, 0 * t), (0 * r, 0 * b)) is None


def test_weights_of_cubic_triangles_are_positive_and_exact_to_degree_7() -> None:
    """A negative one would leave reduced energies that are not convex."""
    points, weights = SPACES["curved"].basis.quadrature
    assert weights.min() > 0
    others, exact = skfem.quadrature.get_quadrature_tri(9)
    for i in range(8):
        wanted = (others[0] ** i * others[1] ** (7 - i)) @ exact
        assert (points[0] ** i * points[1] ** (7 - i)) @ weights == pytest.approx(wanted, rel=1e-13)
