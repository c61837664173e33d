"""Engineering constants against closed forms, and the class of symmetry of turned tensors."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import sympy as sp
from scipy.spatial.transform import Rotation

import nhpinn_sym as nh
from nhpinn_sym.solve.elastic_symmetry import CONSTANTS
from nhpinn_sym.solve.tensors import PAIRS


def tensor_of(matrix: np.ndarray) -> np.ndarray:
    """C[i, k, j, l] of a Voigt matrix."""
    dim = 3 if len(matrix) == 6 else 2
    place = {p: k for k, p in enumerate(PAIRS[dim])}
    place |= {(j, i): k for (i, j), k in place.items()}
    axes = range(dim)
    return np.array(
        [
            [[[matrix[place[i, k], place[j, m]] for m in axes] for j in axes] for k in axes]
            for i in axes
        ]
    )


def isotropic(lam: float, mu: float, dim: int = 3) -> np.ndarray:
    shears = dim * (dim - 1) // 2
    matrix = np.zeros((dim + shears,) * 2)
    matrix[:dim, :dim] = lam
    matrix += np.diag([2 * mu] * dim + [mu] * shears)
    return matrix


def turned(tensor: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    return np.einsum("ai,bj,ck,dl,ijkl", *(rotation,) * 4, tensor, optimize=True)


CUBIC = isotropic(1.0, 1.0) + np.diag([0, 0, 0, 2.0, 2.0, 2.0])
TRANSVERSE = np.array(
    [
        [10, 4, 3, 0, 0, 0],
        [4, 10, 3, 0, 0, 0],
        [3, 3, 20, 0, 0, 0],
        [0, 0, 0, 5, 0, 0],
        [0, 0, 0, 0, 5, 0],
        [0, 0, 0, 0, 0, 3.0],
    ]
)
TETRAGONAL = TRANSVERSE + np.diag([0, 0, 0, 0, 0, 2.0])
TRIGONAL = TRANSVERSE.copy()
for row, column, value in ((0, 3, 1.0), (1, 3, -1.0), (4, 5, 1.0)):
    TRIGONAL[row, column] = TRIGONAL[column, row] = value
ORTHOTROPIC = TETRAGONAL + np.diag([3.0, 0, 0, 1, 0, 0])
MONOCLINIC = ORTHOTROPIC.copy()
for row, column in ((0, 5), (1, 5), (2, 5), (3, 4)):
    MONOCLINIC[row, column] = MONOCLINIC[column, row] = 0.4 + 0.1 * row
TRICLINIC = MONOCLINIC.copy()
for row, column in ((0, 3), (1, 4), (3, 5)):
    TRICLINIC[row, column] = TRICLINIC[column, row] = 0.3 + 0.1 * row

SOLIDS = {
    "isotropic": isotropic(2.0, 1.5),
    "cubic": CUBIC,
    "transversely isotropic": TRANSVERSE,
    "tetragonal": TETRAGONAL,
    "trigonal": TRIGONAL,
    "orthotropic": ORTHOTROPIC,
    "monoclinic": MONOCLINIC,
    "triclinic": TRICLINIC,
}
PLANE = {
    "isotropic": isotropic(2.0, 1.5, 2),
    "square": np.array([[5, 2, 0], [2, 5, 0], [0, 0, 3.0]]),
    "orthotropic": np.array([[5, 2, 0], [2, 9, 0], [0, 0, 3.0]]),
    "anisotropic": np.array([[5, 2, 0.7], [2, 9, 0.1], [0.7, 0.1, 3.0]]),
}


@pytest.mark.parametrize("kind", SOLIDS)
def test_the_class_of_a_turned_solid_is_found(kind: str) -> None:
    rotation = Rotation.from_rotvec([0.4, -0.9, 0.3]).as_matrix()
    for tensor in (tensor_of(SOLIDS[kind]), turned(tensor_of(SOLIDS[kind]), rotation)):
        e = nh.engineering(tensor)
        assert e.symmetry == kind
        assert all(d > 1e-3 for name, d in e.distances.items() if _more(name, kind, 3))


@pytest.mark.parametrize("kind", PLANE)
def test_the_class_of_a_turned_plane_is_found(kind: str) -> None:
    cos, sin = math.cos(0.7), math.sin(0.7)
    tensor = tensor_of(PLANE[kind])
    for given in (tensor, turned(tensor, np.array([[cos, -sin], [sin, cos]]))):
        e = nh.engineering(given)
        assert e.symmetry == kind
        assert all(d > 1e-3 for name, d in e.distances.items() if _more(name, kind, 2))


def _more(name: str, kind: str, dim: int) -> bool:
    """Whether a class has fewer constants."""
    return CONSTANTS[dim][name] < CONSTANTS[dim][kind]


def test_axes_of_an_orthotropic_solid_are_found() -> None:
    rotation = Rotation.from_rotvec([0.4, -0.9, 0.3]).as_matrix()
    e = nh.engineering(turned(tensor_of(ORTHOTROPIC), rotation))
    own = e.turned(e.axes).voigt
    assert np.abs(own[:3, 3:]).max() < 1e-7 * own.max()
    assert sorted(np.diag(own)[:3]) == pytest.approx(sorted(np.diag(ORTHOTROPIC)[:3]), rel=1e-6)


def test_a_distance_does_not_depend_on_the_axes() -> None:
    rotation = Rotation.from_rotvec([1.1, 0.2, -0.5]).as_matrix()
    own = nh.engineering(tensor_of(ORTHOTROPIC)).distances
    other = nh.engineering(turned(tensor_of(ORTHOTROPIC), rotation)).distances
    assert other["cubic"] == pytest.approx(own["cubic"], rel=1e-6)
    assert other["isotropic"] == pytest.approx(own["isotropic"], rel=1e-9)


def test_constants_of_an_orthotropic_solid() -> None:
    """The compliance of E, nu, G, inverted."""
    young, poisson, shear = (10.0, 20.0, 5.0), (0.2, 0.3, 0.25), (3.0, 4.0, 2.0)
    compliance = np.diag([*(1 / e for e in young), 1 / shear[2], 1 / shear[1], 1 / shear[0]])
    for (i, j), nu in zip(((0, 1), (0, 2), (1, 2)), poisson, strict=True):
        compliance[i, j] = compliance[j, i] = -nu / young[i]
    e = nh.engineering(tensor_of(np.linalg.inv(compliance)))
    assert e.young == pytest.approx(young)
    assert e.poisson == pytest.approx(poisson)
    assert e.shear == pytest.approx(shear)
    assert e.modulus([[0, 2, 0], [0, 0, 1]]) == pytest.approx([20.0, 5.0])
    assert e.bulk == pytest.approx(1 / compliance[:3, :3].sum())
    direction = np.array([1.0, 1.0, 0.0]) / math.sqrt(2)
    expected = 1 / (0.25 * (1 / 10 + 1 / 20 + 1 / 3.0) - 0.5 * 0.2 / 10)
    assert float(e.modulus(direction)) == pytest.approx(expected)


def test_plane_strain_and_plane_stress_are_told_apart() -> None:
    lam, mu = nh.lame(210.0, 0.3)
    e = nh.engineering(tensor_of(isotropic(lam, mu, 2)))
    assert e.plane_strain == pytest.approx({"E": 210.0, "nu": 0.3})
    assert e.young == pytest.approx([210 / (1 - 0.09)] * 2)
    lam, mu = nh.lame(210.0, 0.3, plane_stress=True)
    e = nh.engineering(tensor_of(isotropic(lam, mu, 2)))
    assert e.plane_stress == pytest.approx({"E": 210.0, "nu": 0.3})


def test_lame_takes_expressions_and_exact_numbers() -> None:
    s = nh.Scales(2)
    young = nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 70}, default=3)
    lam, mu = nh.lame(young, sp.Rational(1, 4))
    assert sp.simplify(lam - mu) == 0
    assert nh.lame(sp.Integer(5), sp.Rational(1, 4)) == (2, 2)


@pytest.mark.parametrize(
    "arguments", [(-1, 0.3), (1, 0.5), (1, -1), ("E", "nu "), (1, sp.nan), (sp.I, 0.2)]
)
def test_lame_refuses_what_is_no_material(arguments: tuple[object, object]) -> None:
    with pytest.raises(nh.ProblemError):
        nh.lame(*arguments)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.eye(3), "shape"),
        (tensor_of(isotropic(1.0, 0.0)), "not positive"),
        (tensor_of(SOLIDS["cubic"]) * 1j, "real numbers"),
        (tensor_of(np.triu(SOLIDS["cubic"])), "major symmetry"),
        ("stiff", "array"),
        (tensor_of(SOLIDS["cubic"]) * np.nan, "finite numbers"),
        (np.full((2, 2, 2, 2), np.inf), "finite numbers"),
    ],
)
def test_what_is_no_stiffness_is_refused(given: object, message: str) -> None:
    with pytest.raises(nh.ProblemError, match=message):
        nh.engineering(given)


def test_a_card_holds_the_tensor_in_the_order_of_abaqus() -> None:
    e = nh.engineering(tensor_of(TRICLINIC))
    card = e.card("RVE")
    lines = card.splitlines()
    assert lines[:2] == ["*MATERIAL, NAME=RVE", "*ELASTIC, TYPE=ANISOTROPIC"]
    numbers = [float(v) for line in lines[2:] for v in line.split(",")]
    c = e.stiffness
    written = (
        "1111 1122 2222 1133 2233 3333 1112 2212 3312 1212"
        " 1113 2213 3313 1213 1313 1123 2223 3323 1223 1323 2323"
    )
    expected = [c[tuple(int(v) - 1 for v in place)] for place in written.split(" ")]
    assert numbers == pytest.approx(expected, rel=1e-8)
    assert nh.engineering(tensor_of(isotropic(1, 1))).card().count("\n") == 3
    with pytest.raises(nh.ProblemError, match="name"):
        e.card(3)
    with pytest.raises(nh.ProblemError, match="tolerance"):
        nh.engineering(e.stiffness, tolerance="small")
    with pytest.raises(nh.ProblemError, match="name"):
        e.card("A\n*INCLUDE")


def test_cards_of_an_orthotropic_solid() -> None:
    e = nh.engineering(tensor_of(ORTHOTROPIC))
    lines = e.card(kind="engineering constants").splitlines()
    assert lines[1] == "*ELASTIC, TYPE=ENGINEERING CONSTANTS"
    assert [len(line.split(",")) for line in lines[2:]] == [8, 1]
    young, poisson, shear = np.split(_numbers(lines[2:]), 3)
    compliance = np.linalg.inv(ORTHOTROPIC)
    assert young == pytest.approx(1 / np.diag(compliance)[:3])
    assert poisson * -1 / young[[0, 0, 1]] == pytest.approx(
        [compliance[0, 1], compliance[0, 2], compliance[1, 2]]
    )
    assert shear == pytest.approx(np.diag(ORTHOTROPIC)[[5, 4, 3]])
    lines = e.card(kind="orthotropic").splitlines()
    assert lines[1] == "*ELASTIC, TYPE=ORTHOTROPIC"
    c = e.stiffness
    places = "1111 1122 2222 1133 2233 3333 1212 1313 2323"
    expected = [c[tuple(int(v) - 1 for v in place)] for place in places.split(" ")]
    assert _numbers(lines[2:]) == pytest.approx(expected, rel=1e-8)


def _numbers(lines: list[str]) -> np.ndarray:
    return np.array([float(v) for line in lines for v in line.split(",")])


def test_a_card_stands_for_the_axes_that_the_stiffness_has() -> None:
    rotation = Rotation.from_rotvec([0.4, -0.9, 0.3]).as_matrix()
    e = nh.engineering(turned(tensor_of(ORTHOTROPIC), rotation))
    for kind in ("isotropic", "orthotropic", "engineering constants", "cubic"):
        with pytest.raises(nh.ProblemError, match=r"not .*tropic|no such kind"):
            e.card(kind=kind)
    own = _numbers(e.turned(e.axes).card(kind="orthotropic").splitlines()[2:])
    assert sorted(own[[0, 2, 5]]) == pytest.approx(sorted(np.diag(ORTHOTROPIC)[:3]), rel=1e-6)


def test_constants_are_saved_with_their_conventions(tmp_path) -> None:
    e = nh.engineering(tensor_of(CUBIC))
    e.save(tmp_path / "rve.json")
    e.save(tmp_path / "rve.inp")
    assert (tmp_path / "rve.inp").read_text() == e.card()
    with pytest.raises(nh.NhpinnError, match=r"written as \.json, or \.inp"):
        e.save(tmp_path / "rve.xls")
    held = json.loads((tmp_path / "rve.json").read_text())
    assert held["symmetry"] == "cubic"
    assert held["constants"]["E1"] == pytest.approx(e.young[0])
    assert "11, 22, 33, 23, 13, 12" in held["conventions"]["voigt"]
    assert "cubic stiffness" in repr(e)
    assert "<table" in e._repr_html_()
    e.plot().save(tmp_path / "young.png")
    e.surface().save(tmp_path / "surface.png")


def test_layers_of_a_plane_are_orthotropic() -> None:
    """Backus (1962): the shear modulus across the layers is the harmonic mean."""
    s = nh.Scales(2)
    u = s.unknown("u", components=2)
    strain = s.sym_grad(u)
    lam = sp.Piecewise((1, s.y[1] < sp.Rational(1, 3)), (4, True))
    stress = lam * strain.trace() * sp.eye(2) + 2 * lam * strain
    force = sp.Matrix([0, 0])
    model = nh.homogenize(nh.MultiscaleProblem((-s.div(stress), force), scales=s, unknown=u))
    e = nh.engineering(nh.solve_cells(model, "skfem"))
    assert e.symmetry == "orthotropic"
    across = 1 / (1 / 3 + (2 / 3) / 4)
    assert e.shear == pytest.approx([across], rel=1e-6)
