"""A finding: one judgement on the paper, made by a rule from numbers."""

from __future__ import annotations

from dataclasses import dataclass

FACTOR = 2.0
"""Errors of two trainings within this factor agree: seeds alone change them as much."""


@dataclass(frozen=True)
class Finding:
    """agrees: True, False, or None where the paper prints nothing to compare with.

    claim: what of the paper it is about, one of CLAIMS; why: the cause of a difference in a few
    words, where the numbers show it.
    """

    agrees: bool | None
    text: str
    claim: str = ""
    why: str = ""

    @property
    def mark(self) -> str:
        return {True: "agrees", False: "differs", None: "note"}[self.agrees]


CLAIMS = {
    "fails": "the classical PINN fails",
    "oversampling": "oversampling helps",
    "cells": "errors of cell functions and a*",
    "neural": "errors e1, e3 of NH-PINN",
    "better": "NH-PINN beats the classical PINN",
    "share": "which error is larger, e3 or e4",
    "e4": "the printed e4",
    "e2": "e2 < e4",
    "transfer": "transfer learning fails",
    "coarse": "coarse elements see the mean",
}
"""Statements of the paper, in the order of the first table."""
