"""Engineering constants of an effective stiffness: moduli, Poisson's ratios, symmetry, cards."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..emit.source import write_atomic
from ..problem.errors import OutputPathError, ProblemError
from ..problem.html_text import html_line, html_table
from ..problem.pictures import COLOURS, Drawing, Sheet
from ..problem.user_input import positive_number
from .arguments import as_numbers
from .cell_solution import CellSolution
from .elastic_symmetry import CONSTANTS, Nearest, all_pairs, nearest_classes
from .material_cards import card
from .solution import Array
from .tensors import PAIRS, mandel, voigt

# Distance to a class of symmetry, relative to the norm, that counts as none.
_SAME = 1e-6
# Factor by which an estimated error of the tensor may be too small.
_MARGIN = 10.0
# Share of the size up to which an eigenvalue is zero; directions of a polar diagram, one a degree.
_ROUNDING = 1e-12
_DIRECTIONS = 361
# Place of the diagram: around it stand angles, above these the title.
_CIRCLE = (0.15, 0.2, 0.7, 0.65)
_ORDER = {2: "11, 22, 12", 3: "11, 22, 33, 23, 13, 12"}


def engineering(stiffness: CellSolution | ArrayLike, tolerance: float | None = None) -> Engineering:
    """Engineering constants of the cells of an elasticity problem, or of a tensor C[i, k, j, l].

    stiffness : solved cells, of which effective["A"] is taken, or an array (d, d, d, d), d = 2, 3.
    tolerance : distance to a class of symmetry, relative to the norm, that counts as none;
                default 1e-6, or ten times the estimate of the cells.
    ProblemError for a tensor without minor and major symmetry, that is not positive, or that
    depends on x: ask for `cells.effective["A"](x)` then.

    >>> import numpy as np, nhpinn_sym as nh
    >>> lam, mu = nh.lame(210, 0.3)
    >>> one = np.eye(3)
    >>> C = lam * np.einsum("ik,jl->ikjl", one, one)
    >>> C += mu * (np.einsum("ij,kl->ikjl", one, one) + np.einsum("il,kj->ikjl", one, one))
    >>> e = nh.engineering(C)
    >>> e.symmetry, round(e.young[0], 6), round(e.poisson[0], 6)
    ('isotropic', 210.0, 0.3)
    """
    same = _SAME
    if isinstance(stiffness, CellSolution):
        same = max(same, _MARGIN * float(stiffness.info.get("estimate", 0.0)))
        stiffness = _effective(stiffness)
    if tolerance is not None:
        same = float(positive_number(tolerance, ProblemError, "tolerance", "write 1e-4"))
        if not same < 1:
            raise ProblemError(
                "a tolerance of distances lies between 0 and 1",
                term=tolerance,
                remedy="leave it out, or give 1e-4",
            )
    return Engineering(_checked(stiffness), same)


def _effective(cells: CellSolution) -> Any:
    found: Any = cells.effective.get("A")
    if callable(found):
        raise ProblemError(
            "the effective stiffness depends on x",
            term="A(x)",
            remedy='give the tensor at a point: nh.engineering(cells.effective["A"](x))',
        )
    if np.ndim(found) != 4:
        raise ProblemError(
            "these cells have no effective stiffness",
            term=f"A of shape {np.shape(found)}",
            remedy="engineering constants are those of -div(sigma(u)) with as many components as"
            " axes; of coupled fields give the elastic part A[:d, :, :d, :]",
        )
    return found


def _checked(stiffness: Any) -> Array:
    matrix = mandel(stiffness)
    tensor = np.asarray(stiffness)
    if np.iscomplexobj(matrix):
        raise ProblemError(
            "engineering constants are real numbers",
            term=matrix.dtype,
            remedy="give the real part; the imaginary one is what is lost",
        )
    if len(matrix) not in (3, 6):
        raise ProblemError(
            "a stiffness has two or three axes",
            term=tensor.shape,
            remedy="give C[i, k, j, l] of shape (d, d, d, d)",
        )
    size = np.abs(matrix).max()
    if np.abs(matrix - matrix.T).max() > _SAME * size:
        raise ProblemError(
            "the tensor has no major symmetry C_ikjl = C_jlik",
            term=np.array2string(voigt(tensor), precision=5),
            remedy="engineering constants are those of a material with an energy",
        )
    if np.linalg.eigvalsh((matrix + matrix.T) / 2)[0] <= _ROUNDING * size:
        raise ProblemError(
            "the stiffness is not positive: some strain costs no energy",
            term=np.array2string(np.linalg.eigvalsh(matrix), precision=5),
            remedy="a composite of voids that are connected has no compliance",
        )
    return tensor


@dataclass(frozen=True, eq=False)
class Engineering:
    """Engineering constants in the axes of the cell; units are those of the stiffness.

    stiffness : C[i, k, j, l], (d, d, d, d)
    tolerance : the distance to a class of symmetry that counts as none

    Of a plane problem they are those of the plane: in plane strain of an isotropic solid
    E/(1 - nu^2) and nu/(1 - nu), in plane stress its own; see `plane_strain`, `plane_stress`.

    >>> one = np.eye(2)
    >>> C = np.einsum("ij,kl->ikjl", one, one) + np.einsum("il,kj->ikjl", one, one)
    >>> e = nh.engineering(C)
    >>> e.dim, e.symmetry, round(float(e.young[0]), 6)
    (2, 'isotropic', 2.0)
    """

    stiffness: Array
    tolerance: float

    @property
    def dim(self) -> int:
        """2 (plane strain) or 3."""
        return len(self.stiffness)

    @property
    def voigt(self) -> Array:
        """(6, 6) or (3, 3), order 11, 22, 33, 23, 13, 12 (11, 22, 12), engineering shears."""
        return voigt(self.stiffness)

    @property
    def mandel(self) -> Array:
        """As `voigt`, in the orthonormal basis: sqrt(2) at shears."""
        return mandel(self.stiffness)

    @cached_property
    def compliance(self) -> Array:
        """The inverse of `voigt`: strains with engineering shears of stresses."""
        return np.linalg.inv(self.voigt)

    @property
    def young(self) -> Array:
        """E_1, ..., E_d: the stress of a unit strain along an axis, with no other stress."""
        return 1 / np.diag(self.compliance)[: self.dim]

    @property
    def poisson(self) -> Array:
        """nu_12, nu_13, nu_23 (nu_12): nu_ij = -e_j/e_i under stress along i alone."""
        s = self.compliance
        return np.array([-s[j, i] / s[i, i] for i, j in all_pairs(self.dim)])

    @property
    def shear(self) -> Array:
        """G_12, G_13, G_23 (G_12): the shear stress of a unit engineering shear."""
        return np.array([1 / self.compliance[k, k] for k in self._shears()])

    def _shears(self) -> list[int]:
        """Places of the shears 12, 13, 23 in Voigt's order."""
        return [PAIRS[self.dim].index(pair) for pair in all_pairs(self.dim)]

    @property
    def bulk(self) -> float:
        """The pressure of a unit change of volume (of area in the plane) under pressure alone."""
        return float(1 / self.compliance[: self.dim, : self.dim].sum())

    @cached_property
    def classes(self) -> Mapping[str, Nearest]:
        """The distance to every class of symmetry, over all axes, and the axes where it is met."""
        return nearest_classes(self.mandel, self.tolerance)

    @property
    def symmetry(self) -> str:
        """The most symmetric class within `tolerance`: isotropic, cubic, transversely isotropic,
        tetragonal, trigonal, orthotropic, monoclinic, triclinic; in the plane isotropic, square,
        orthotropic, anisotropic.
        """
        for name, nearest in self.classes.items():
            if nearest.distance <= self.tolerance:
                return name
        return list(CONSTANTS[self.dim])[-1]

    @property
    def distances(self) -> dict[str, float]:
        """The distance to the nearest stiffness of each class, over all axes, relative to the
        norm.
        """
        return {name: nearest.distance for name, nearest in self.classes.items()}

    @property
    def axes(self) -> Array:
        """(d, d), in rows: the axes of `symmetry`; the last one is the special one."""
        nearest = self.classes.get(self.symmetry)
        if nearest is None:
            return np.eye(self.dim)
        return nearest.axes

    def turned(self, axes: ArrayLike) -> Engineering:
        """The constants in other axes, (d, d) in rows; ProblemError where they are not
        orthonormal.
        """
        rows = as_numbers(axes, "a set of axes", "give d orthonormal rows")
        if rows.shape != (self.dim,) * 2 or not np.allclose(rows @ rows.T, np.eye(self.dim)):
            raise ProblemError(
                "axes are orthonormal rows",
                term=rows.tolist(),
                remedy="give `e.axes`, or the rows of a rotation",
            )
        c = np.einsum("ai,bj,ck,dl,ijkl", rows, rows, rows, rows, self.stiffness, optimize=True)
        return Engineering(c, self.tolerance)

    def modulus(self, directions: ArrayLike) -> Array:
        """Young's modulus E(n) along directions (n, d) or (d,), which need not have length one."""
        vectors = as_numbers(directions, "directions", f"give vectors of {self.dim} components")
        if vectors.shape[-1:] != (self.dim,) or not np.all(np.linalg.norm(vectors, axis=-1) > 0):
            raise ProblemError(
                f"a direction has {self.dim} components and is not zero",
                term=shape_or_vector(vectors),
                remedy="give vectors (n, d)",
            )
        n = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
        # A stress n n has no factor of two at shears in Voigt's notation, strains have.
        stress = np.stack([n[..., i] * n[..., j] for i, j in PAIRS[self.dim]], axis=-1)
        return np.asarray(1 / np.einsum("...a,ab,...b->...", stress, self.compliance, stress))

    @property
    def plane_strain(self) -> dict[str, float]:
        """{"E", "nu"} of the isotropic solid whose plane strain has this stiffness."""
        lam, mu = self._isotropic_plane()
        return {"E": mu * (3 * lam + 2 * mu) / (lam + mu), "nu": lam / (2 * (lam + mu))}

    @property
    def plane_stress(self) -> dict[str, float]:
        """{"E", "nu"} of the isotropic solid whose plane stress has this stiffness."""
        self._isotropic_plane()
        return {"E": float(self.young[0]), "nu": float(self.poisson[0])}

    def _isotropic_plane(self) -> tuple[float, float]:
        if self.dim != 2 or self.symmetry != "isotropic":
            raise ProblemError(
                "plane strain and plane stress have two constants of an isotropic solid",
                term=f"{self.dim} axes, {self.symmetry}",
                remedy="use young, poisson and shear, which are those of the plane",
            )
        matrix = self.voigt
        return float(matrix[0, 1]), float(matrix[2, 2])

    def constants(self) -> dict[str, float]:
        """E1, ..., nu12, ..., G12, ..., K by name."""
        pairs = [f"{i + 1}{j + 1}" for i, j in all_pairs(self.dim)]
        found = {f"E{k + 1}": value for k, value in enumerate(self.young.tolist())}
        found |= {f"nu{p}": v for p, v in zip(pairs, self.poisson.tolist(), strict=True)}
        found |= {f"G{p}": v for p, v in zip(pairs, self.shear.tolist(), strict=True)}
        return {**found, "K": self.bulk}

    def card(self, name: str = "EFFECTIVE", kind: str | None = None) -> str:
        """The material as text for Abaqus and CalculiX, in the axes that the stiffness has.

        kind : "isotropic", "engineering constants" (E1, E2, E3, nu12, nu13, nu23, G12, G13, G23),
               "orthotropic" (D1111, D1122, D2222, D1133, D2233, D3333, D1212, D1313, D2323) or
               "anisotropic" (21 constants). Default: isotropic where it is so, or anisotropic.
        ProblemError in the plane, for a name that is none, and for a kind that the stiffness does
        not have in these axes, within `tolerance`: it may in those of `e.turned(e.axes)`.
        """
        return card(self, name, kind)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Constants, matrices, symmetry and the conventions as .json, or the card as .inp;
        atomically. OutputPathError for another ending, ProblemError for a card in the plane."""
        target = Path(path)
        if target.suffix == ".inp":
            write_atomic(target, self.card().encode())
            return
        if target.suffix != ".json":
            raise OutputPathError(
                "engineering constants are written as .json, or .inp for a card",
                term=str(path),
                remedy=f'write .save("{target.stem}.json")',
            )
        held = {
            "conventions": {
                "voigt": f"order {_ORDER[self.dim]}; strains with engineering shears 2 e_ij",
                "mandel": f"order {_ORDER[self.dim]}; sqrt(2) at shears",
                "poisson": "nu_ij = -e_j/e_i under stress along i alone",
                "units": "those of the stiffness that was given",
            },
            "constants": self.constants(),
            "voigt": self.voigt.tolist(),
            "mandel": self.mandel.tolist(),
            "symmetry": self.symmetry,
            "distances": self.distances,
            "axes": self.axes.tolist(),
        }
        write_atomic(target, (json.dumps(held, indent=1) + "\n").encode())

    def plot(self) -> Drawing:
        """Young's modulus over the directions of each coordinate plane."""
        sheet = Sheet(1, 1, (5.2, 4.6))
        axes = sheet.at(0, 0, projection="polar")
        angle = np.linspace(0, 2 * np.pi, _DIRECTIONS)
        kinds = zip(all_pairs(self.dim), ("-", "--", ":"), COLOURS, strict=False)
        for (i, j), style, color in kinds:
            directions = np.zeros((len(angle), self.dim))
            directions[:, i], directions[:, j] = np.cos(angle), np.sin(angle)
            label = f"from axis {i + 1} to {j + 1}"
            axes.plot(angle, self.modulus(directions), style, color=color, lw=1.6, label=label)
        axes.set_rlim(0)
        axes.set_rgrids(axes.get_yticks()[1::2], fontsize=9)
        axes.set_title("Young's modulus $E(n)$ by direction", fontsize=10)
        sheet.figure.legend(loc="lower center", ncols=3, fontsize=9)
        drawing = sheet.drawing(
            "young", f"Young's modulus by direction; the stiffness is {self.symmetry}."
        )
        axes.set_position(_CIRCLE)
        return drawing

    def surface(self) -> Drawing:
        """The points E(n) n of all directions n, coloured by E; ProblemError in the plane."""
        from matplotlib import colormaps

        if self.dim != 3:
            raise ProblemError(
                "a surface of directions needs three axes",
                term=f"{self.dim} axes",
                remedy="write e.plot()",
            )
        polar, angle = np.meshgrid(
            np.linspace(0, np.pi, _DIRECTIONS // 6),
            np.linspace(0, 2 * np.pi, _DIRECTIONS // 3),
            indexing="ij",
        )
        circle = [np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle), np.cos(polar)]
        n = np.stack(circle, axis=-1)
        found = self.modulus(n)
        least, most = float(found.min()), float(found.max())
        shares = np.clip((found - least) / max(most - least, self.tolerance * most), 0, 1)
        sheet = Sheet(1, 1, (5.2, 4.6))
        axes = sheet.at(0, 0, projection="3d")
        places = np.moveaxis(found[..., None] * n, -1, 0)
        axes.plot_surface(*places, facecolors=colormaps["viridis"](shares), rstride=1, cstride=1)
        for k, name in enumerate("xyz"):
            axes.set(**{f"{name}lim": (-most, most), f"{name}label": f"axis {k + 1}"})
        axes.set_box_aspect((1, 1, 1))
        axes.tick_params(labelsize=7)
        axes.set_title(f"Young's modulus from {least:.4g} to {most:.4g}", fontsize=10)
        return sheet.drawing("young_surface", "Young's modulus by direction, as a surface.")

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {value:.6g}" for name, value in self.constants().items())
        return f"{self.symmetry} stiffness: {shown}"

    def _repr_html_(self) -> str:
        constants = self.constants()
        rows = [[f"{value:.6g}" for value in constants.values()]]
        table = html_table(list(constants), rows, "engineering constants")
        return html_line(f"{self.symmetry} stiffness") + table


def shape_or_vector(vectors: Array) -> Any:
    """What an error quotes of directions."""
    if vectors.ndim == 1:
        return vectors.tolist()
    return f"shape {vectors.shape}"
