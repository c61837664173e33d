from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nhpinn_sym.runtime.nets.inputs import embed, spread
from nhpinn_sym.runtime.nets.jets import below, linear
from nhpinn_sym.runtime.nets.networks import features, hidden, network
from tests.pinn_rows import BOX, nested, net


@settings(max_examples=20)
@given(
    st.integers(1, 3).flatmap(
        lambda d: st.sets(
            st.tuples(*[st.integers(0, 4)] * d).filter(lambda a: sum(a) <= 4),
            min_size=1,
            max_size=4,
        )
    ),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(0, 1),
    st.integers(0, 2**20),
)
def test_jets_are_the_derivatives(
    tops: set[tuple[int, ...]], outputs: int, depth: int, slow: int, seed: int
) -> None:
    indices = sorted({b for a in tops for b in below(a)}, key=lambda a: (sum(a), a))
    trial, layers = net(indices, [5] * depth, outputs, seed, slow)
    points = spread(
        0.1
        + 0.8
        * torch.rand(
            3, len(trial.axes), generator=torch.Generator().manual_seed(seed), dtype=torch.float64
        ),
        trial.axes,
    )
    found, expected = (
        trial.network(points, layers, tuple(indices)),
        nested(trial, layers, points),
    )
    for index in indices:
        torch.testing.assert_close(
            found[index],
            expected[index],
            rtol=1e-9,
            atol=1e-9 * float(expected[index].detach().abs().max()),
        )


def test_one_layer_on_scaled_axes_is_made_of_ridge_functions() -> None:
    """Their closed form against the jets of all nets."""
    axes = (("scaled", 0.0, 1.0), ("scaled", -1.0, 2.0))
    generator = torch.Generator().manual_seed(0)
    last = [torch.randn(*shape, generator=generator).double() for shape in ((2, 40), (2,))]
    layers = [*features(40, axes, 1.4), tuple(last)]
    indices = tuple(sorted(itertools.product(range(5), repeat=2), key=sum))
    points = spread(torch.rand(30, 2, generator=generator, dtype=torch.float64), axes)
    found = network(points, layers, indices, axes)
    expected = linear(hidden(points, layers[:-1], indices, axes), *layers[-1])
    for index in indices:
        size = expected[index].abs().max()
        assert (found[index] - expected[index]).abs().max() < 1e-12 * size


# Behind the columns of BOX: places where data are sharp.
PLACES = tuple(("sharp", a + 0.2 * (b - a), a + 0.3 * (b - a)) for _, a, b in BOX)


@pytest.mark.parametrize("axis", range(3))
def test_inputs_are_differentiated(axis: int) -> None:
    indices = tuple(tuple(n if i == axis else 0 for i in range(3)) for n in range(5))
    points = spread(torch.full((1, 3), 0.3, dtype=torch.float64), BOX).requires_grad_()
    jet = embed(points, indices, (*BOX, *PLACES))
    for lower, higher in itertools.pairwise(indices):
        for j in range(jet[lower].shape[1]):
            slope = (
                torch.autograd.grad(jet[lower][0, j], points, retain_graph=True, allow_unused=True)[
                    0
                ]
                if jet[lower].requires_grad
                else None
            )
            expected = torch.tensor(0.0) if slope is None else slope[0, axis]
            assert float(jet[higher][0, j].detach()) == pytest.approx(
                float(expected), rel=1e-12, abs=1e-9
            )
