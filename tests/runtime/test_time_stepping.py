import numpy as np
import pytest

from nhpinn_sym.runtime.time_stepping import (
    _FIRST,
    _FURTHER,
    GAMMA,
    KeptStages,
    sdirk4,
    stage_phases,
    time_lines,
)

MASS = np.array([[2.0, 0.5], [0.5, 1.0]])
STIFFNESS = np.array([[3.0, -1.0], [0.5, 4.0]])


def exact(t):
    return np.array([np.sin(5 * t) + 1, np.exp(-t)])


def load(t):
    return MASS @ np.array([5 * np.cos(5 * t), -np.exp(-t)]) + STIFFNESS @ exact(t)


def solver(dt, t):
    system = MASS + GAMMA * dt * STIFFNESS
    return lambda b: np.linalg.solve(system, b)


def error(steps, spans):
    times = time_lines(spans, steps)
    result = sdirk4(solver, lambda w, t: STIFFNESS @ w, load, exact(0.0), times)
    return np.abs(result - exact(1.0)).max()


@pytest.mark.parametrize("spans", [(0.0, 1.0), (0.0, 0.31, 0.33, 1.0)])
def test_order_four(spans):
    errors = [error(steps, spans) for steps in (32, 64, 128)]
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(rates > 3.8), rates


def error_of_moving_matrices(steps):
    """M(t) = 2 + sin 3t, K(t) = 1 + t."""

    def given(t):
        slope = 5 * np.cos(5 * t)
        return np.array([(2 + np.sin(3 * t)) * slope + (1 + t) * (np.sin(5 * t) + 1)])

    result = sdirk4(
        lambda dt, t: lambda b: b / (2 + np.sin(3 * t) + GAMMA * dt * (1 + t)),
        lambda w, t: (1 + t) * w,
        given,
        np.ones(1),
        np.linspace(0.0, 1.0, steps + 1),
        moving=True,
    )
    return abs(float(result[0]) - np.sin(5) - 1)


def test_order_four_with_matrices_that_depend_on_time():
    errors = np.array([error_of_moving_matrices(steps) for steps in (20, 40, 80)])
    rates = np.log2(errors[:-1] / errors[1:])
    assert np.all(rates > 3.5), rates


@pytest.mark.parametrize("stages", [_FIRST, _FURTHER])
def test_rows_sum_to_the_nodes(stages):
    np.testing.assert_allclose([sum(row) + GAMMA for row in stages.rows], stages.nodes, rtol=1e-14)


def test_further_stages_are_of_second_order():
    """sum_j a_ij c_j = c_i^2 / 2, the slope at the start being that of the node 0."""
    nodes = (0.0, *_FURTHER.nodes)
    for row, node in zip(_FURTHER.rows, nodes[1:]):
        moment = np.dot(row, nodes[: len(row)]) + GAMMA * node
        assert moment == pytest.approx(node**2 / 2, rel=1e-14)


def test_a_stiff_component_keeps_the_order():
    """w' + 1e6 (w - sin t) = cos t, after w = sin t: stages of first order would leave errors of
    1e-6 times the step.
    """
    stiff = 1e6

    def error(steps):
        result = sdirk4(
            lambda dt, t: lambda b: b / (1 + GAMMA * dt * stiff),
            lambda w, t: stiff * w,
            lambda t: np.array([np.cos(t) + stiff * np.sin(t)]),
            np.zeros(1),
            np.linspace(0.0, 1.0, steps + 1),
        )
        return abs(float(result[0]) - np.sin(1.0))

    assert error(40) < 1e-10 and error(20) / error(40) > 3


def test_a_jump_between_equal_steps_is_told():
    """w' + 10 w = 10 g(t), where g jumps from t to 1 + t at 1/2: the slope before says nothing."""
    rate = 10.0

    def error(breaks):
        result = sdirk4(
            lambda dt, t: lambda b: b / (1 + GAMMA * dt * rate),
            lambda w, t: rate * w,
            lambda t: np.array([rate * (t + (t >= 0.5))]),
            np.zeros(1),
            np.linspace(0.0, 1.0, 17),
            breaks=breaks,
        )
        exact = 2 - 1 / rate + np.exp(-rate) / rate - np.exp(-rate / 2)
        return abs(float(result[0]) - exact)

    assert error((0.0, 0.5, 1.0)) < 1e-5 < error(()) / 50


def test_damps_stiff_components_in_one_step():
    stiff = 1e10
    result = sdirk4(
        lambda dt, t: lambda b: b / (1 + GAMMA * dt * stiff),
        lambda w, t: stiff * w,
        lambda t: np.zeros(1),
        np.ones(1),
        np.array([0.0, 1.0]),
    )
    assert np.abs(result).max() < 1e-8


def test_reports_every_step():
    seen = []
    sdirk4(
        lambda dt, t: lambda b: b,
        lambda w, t: 0 * w,
        lambda t: np.ones(1),
        np.zeros(1),
        np.linspace(0.0, 2.0, 5),
        lambda step, t, w: seen.append((step, t, float(w[0]))),
    )
    np.testing.assert_allclose(seen, [(1, 0.5, 0.5), (2, 1.0, 1.0), (3, 1.5, 1.5), (4, 2.0, 2.0)])


def test_lines_are_those_of_equal_steps_where_data_are_smooth():
    for steps in (1, 7, 16, 64):
        np.testing.assert_allclose(time_lines((0.0, 0.5), steps), np.linspace(0, 0.5, steps + 1))


def test_every_span_is_halved_with_the_steps():
    spans = (0.0, 0.3117, 0.3117002, 0.5)
    for steps in (16, 32, 64):
        lines = time_lines(spans, steps)
        assert set(spans) <= set(lines)
        counts = np.histogram(lines, spans)[0]
        assert counts[1] == steps / 16
        assert np.all(np.histogram(time_lines(spans, 2 * steps), spans)[0] - 2 * counts <= 1)


def test_steps_are_those_of_smooth_data_and_pulses_add_theirs():
    """`steps` over a time without spans; each of forty pulses has a sixteenth of them at least."""
    assert len(time_lines((0.0, 1.0), 64)) - 1 == 64
    starts = np.arange(40) / 40
    spans = np.append(np.stack([starts, starts + 1e-3], axis=1).ravel(), 1.0)
    lines = time_lines(spans, 64)
    assert len(lines) - 1 == 40 * (64 // 16) * 2
    assert np.all(np.histogram(lines, spans)[0][:-1] == 64 // 16)


def test_a_load_that_jumps_between_spans_is_integrated_exactly():
    """A linear equation without stiffness: the integral of the load."""
    times = time_lines((0.0, 0.3, 1.0), 4)
    result = sdirk4(
        lambda dt, t: lambda b: b,
        lambda w, t: 0 * w,
        lambda t: np.array([1.0 if t < 0.3 else 5.0]),
        np.zeros(1),
        times,
    )
    np.testing.assert_allclose(result, 0.3 + 5 * 0.7, rtol=1e-13)


def test_stages_of_a_periodic_operator_are_made_once():
    """As many as a period has, and the same result; none is kept where steps do not repeat."""

    def solved(period, steps):
        made = []
        dropped = []
        times = np.linspace(0.0, 1.0, steps + 1)
        kept = KeptStages(times, period, 1, True, lambda: dropped.append(1))

        def stiffness(t):
            return kept.matrices(t, lambda at: 2 + np.sin(2 * np.pi * at / 0.125))

        def make(dt, t):
            made.append(t)
            weight = 1 + GAMMA * dt * stiffness(t)
            return lambda b: b / weight

        result = sdirk4(
            lambda dt, t: kept.solver(dt, t, make),
            lambda w, t: stiffness(t) * w,
            lambda t: np.ones(1),
            np.zeros(1),
            times,
            moving=True,
        )
        return float(result[0]), len(made), len(dropped)

    fresh, every, dropped = solved(None, 64)
    again, some, nothing = solved(0.125, 64)
    assert abs(fresh - again) < 1e-13
    assert every == 5 * 64 == dropped
    assert some == 5 * 8 + 3 and nothing == 0  # three places of the first step are others
    assert stage_phases(np.linspace(0.0, 1.0, 66), 0.125) is None
    assert stage_phases(np.array([0.0, 0.1, 0.3, 0.4]), 0.1) is None
