import numpy as np

from nhpinn_sym.runtime.time_stepping import _NODES, _STAGES, GAMMA, sdirk4

MASS = np.array([[2.0, 0.5], [0.5, 1.0]])
STIFFNESS = np.array([[3.0, -1.0], [0.5, 4.0]])


def exact(t):
    return np.array([np.sin(5 * t) + 1, np.exp(-t)])


def load(t):
    return MASS @ np.array([5 * np.cos(5 * t), -np.exp(-t)]) + STIFFNESS @ exact(t)


def error(steps):
    system = MASS + GAMMA / steps * STIFFNESS
    result = sdirk4(
        lambda b: np.linalg.solve(system, b), lambda w: STIFFNESS @ w, load, exact(0.0), 1.0, steps
    )
    return np.abs(result - exact(1.0)).max()


def test_order_four():
    errors = [error(steps) for steps in (20, 40, 80)]
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(rates > 3.8), rates


def test_rows_sum_to_the_nodes():
    np.testing.assert_allclose([sum(row) + GAMMA for row in _STAGES], _NODES, rtol=1e-14)


def test_damps_stiff_components_in_one_step():
    stiff = 1e10
    result = sdirk4(
        lambda b: b / (1 + GAMMA * stiff),
        lambda w: stiff * w,
        lambda t: np.zeros(1),
        np.ones(1),
        1.0,
        1,
    )
    assert np.abs(result).max() < 1e-8


def test_reports_every_step():
    seen = []
    sdirk4(
        lambda b: b,
        lambda w: 0 * w,
        lambda t: np.ones(1),
        np.zeros(1),
        2.0,
        4,
        lambda step, t, w: seen.append((step, t, float(w[0]))),
    )
    np.testing.assert_allclose(seen, [(1, 0.5, 0.5), (2, 1.0, 1.0), (3, 1.5, 1.5), (4, 2.0, 2.0)])
