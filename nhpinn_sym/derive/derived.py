"""What every derived model is to its reader: a title and a derivation, which is its text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import ClassVar

import sympy as sp

from ..operator.table import Operator
from ..problem.problem import MultiscaleProblem
from .derivation import Derivation


class DerivedModel(ABC):
    """Result of `homogenize`. Subclasses are dataclasses with `repr=False`, so that their text
    stays the derivation.
    """

    problem: MultiscaleProblem
    operator: Operator
    subject: ClassVar[str]
    """What a problem without a name is called."""

    @property
    def title(self) -> str:
        """What the derivation and reports are headed by."""
        return f"Homogenization of {self.problem.name or self.subject}"

    @property
    def dim(self) -> int:
        """The number of spatial dimensions."""
        return self.problem.scales.dim

    @property
    def components(self) -> int:
        """The number of scalar unknowns."""
        return self.operator.components

    @cached_property
    @abstractmethod
    def derivation(self) -> Derivation:
        """The steps from the multiscale equation to the homogenized law, for text and LaTeX."""

    def __str__(self) -> str:
        return str(self.derivation)

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return self.derivation.fragment()


class OwnModel(DerivedModel):
    """One of a problem with an expansion of its own, where others go by cell functions alone."""

    instead: ClassVar[str]
    """What a verb that takes other models says."""

    @property
    @abstractmethod
    def effective(self) -> dict[str, sp.Basic]:
        """The formulas by name."""
