"""Coefficients with branches have names in a derivation."""

import sympy as sp

import nhpinn_sym as nh

s = nh.Scales(2)
u = s.unknown("u")
DISK = nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 10})


def derivation(*equation: sp.Expr, **options: object) -> str:
    return str(nh.homogenize(nh.MultiscaleProblem(equation, scales=s, unknown=u, **options)))


def test_a_coefficient_is_told_once() -> None:
    read = derivation(-s.div(DISK * s.grad(u)), 1)
    told = "a = {10 where (y1 - 1/2)**2 + (y2 - 1/2)**2 < 9/100; 1 elsewhere}"
    assert read.count(told) == 1 and read.count("9/100") == 1
    assert "A_11 = <a + a*d_y1 N_1>" in read
    assert "Piecewise" not in read


def test_names_that_the_equation_has_are_not_taken() -> None:
    a = sp.Symbol("a", positive=True)
    read = derivation(-s.div((DISK + a) * s.grad(u)), 1, parameters={a: (1, 2)})
    assert "k = {10 where" in read and "<a + k + " in read


def test_several_are_numbered() -> None:
    layer = nh.phases(s, {nh.Layer(0, (0, 0.5)): 3})
    read = derivation(-s.div(DISK * s.grad(u)) + layer * u, 1)
    assert "a_2 = {3 where y1 < 1/2; 1 elsewhere}" in read


def test_branches_in_the_unknown_stay() -> None:
    read = derivation(-s.div(s.grad(u)) + sp.Piecewise((u, u > 0), (2 * u, True)), 1)
    assert "2*u elsewhere}" in read


def test_latex_tells_cases() -> None:
    problem = nh.MultiscaleProblem((-s.div(DISK * s.grad(u)), 1), scales=s, unknown=u)
    tex = nh.homogenize(problem).derivation.latex()
    assert tex.count(r"\begin{cases}") == 1


def test_blocks_and_fractures_are_told_once() -> None:
    s = nh.Scales(2, time=True)
    u = s.unknown("u")
    flux = nh.phases(s, {nh.Disk((0.5, 0.5), 0.4): s.eps**2 / 5}) * s.grad(u)
    problem = nh.MultiscaleProblem(sp.Eq(s.dt(u) - s.div(flux), 0), scales=s, unknown=u)
    read = str(nh.homogenize(problem))
    assert "d_t u - d_x1[a_1*d_x1 u] - d_x2[a_1*d_x2 u] = 0" in read
    assert read.count(" elsewhere}") == 2 and "-d_y1[a_2*d_y1 N_1] - d_y2[a_2*d_y2 N_1]" in read
