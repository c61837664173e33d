from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nhpinn_sym.runtime.nets.native.kernel import kernel
from nhpinn_sym.runtime.nets.native.tanh_taylor import streams
from tests.pinn_rows import SETS


def test_the_jet_of_a_layer_is_that_of_faa_di_bruno() -> None:
    """The last stream is the sum of the second derivatives, each with its weight."""
    text = kernel(streams(SETS["Laplace"], scalar=True))
    assert "h[3] = f1 * (z[3]) + f2 * (w[3] * z[1] * z[1] + w[4] * z[2] * z[2]);" in text


@pytest.mark.parametrize("flags", [("-march=native", "-DREAL=float"), ()])
def test_text_compiles_without_warnings(flags: tuple[str, ...], tmp_path: Path) -> None:
    """The second one for the least of the processors of its kind."""
    (tmp_path / "kernel.cpp").write_text(kernel(streams(SETS["space"], scalar=False)))
    command = [
        "g++",
        "-std=gnu++17",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-fsyntax-only",
        *flags,
        str(tmp_path / "kernel.cpp"),
    ]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == ""
