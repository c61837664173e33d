"""PINN benchmarks: python -m tests.benchmarks.pinn steps | accuracy

steps    : time and memory of one Adam step of each library on the same problem;
accuracy : what `pinn_accuracy.py` measures.
"""

from __future__ import annotations

import importlib
import sys

PARTS = {"steps": "pinn_steps", "accuracy": "pinn_accuracy"}


def main(names: list[str]) -> None:
    for name in names or list(PARTS):
        importlib.import_module(f"tests.benchmarks.{PARTS[name]}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
