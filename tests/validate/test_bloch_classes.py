"""Every linear class, to several orders: the expansion converges to the exact plane wave at its
rate, and the law is that of dense matrices.
"""

from __future__ import annotations

import numpy as np
import pytest

import nhpinn_sym as nh
from nhpinn_sym.validate.bloch import BlochReport, bloch
from tests.validate.dense import expansion
from tests.validate.linear_classes import CLASSES, piezo

SMALL = 1e-10
"""Errors below this are not asked for their rate."""


def converges(report: BlochReport, order: int, margin: float = 0.1) -> bool:
    """Whether the approximation of order `order` converges at rate order + 1, or better."""
    return bool(
        report.by_order[order][-1] < SMALL or report.rates_of(order)[-1] > order + 1 - margin
    )


@pytest.mark.parametrize("name", CLASSES)
def test_every_order_of_every_class(name: str) -> None:
    case = CLASSES[name]
    model = nh.homogenize(case.problem, order=case.order)
    report = bloch(model, eps=(1 / 16, 1 / 32))
    assert set(report.by_order) == set(range(case.order + 1))
    assert all(converges(report, order) for order in report.by_order), f"\n{report}"
    assert report.by_order[0][-1] < 0.02
    dense = expansion(model.operator, report.wavevector, report.growth, 0, case.points)
    symbol, expected = np.atleast_2d(report.symbol), dense.averaged[0]
    assert np.abs(symbol - expected).max() < 1e-4 * np.abs(expected).max()


def test_the_cells_of_a_finite_element_backend() -> None:
    model = nh.homogenize(CLASSES["coupled reaction-diffusion"].problem, order=2)
    report = bloch(model, cells=nh.solve_cells(model, "skfem", hierarchy=True))
    assert all(converges(report, order) for order in range(2)), f"\n{report}"


def test_units_do_not_matter() -> None:
    """Piezoelectricity in SI units, at all orders."""
    case = CLASSES["piezoelectric"]
    reports = []
    for stiffness, permittivity in ((1.0, 1.0), (1e11, 1e-8)):
        coupling = float(np.sqrt(stiffness * permittivity))
        amplitude = np.sqrt([stiffness, stiffness, permittivity])
        model = nh.homogenize(
            case._replace(
                build=lambda s, c=(stiffness, coupling, permittivity): piezo(s, *c)
            ).problem
        )
        reports.append(bloch(model, eps=(1 / 8, 1 / 16), amplitude=amplitude))
    for order in range(2):
        assert reports[1].by_order[order] == pytest.approx(reports[0].by_order[order], rel=1e-3)
