"""Pieces of HTML for a notebook, which typesets the LaTeX between dollars in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def html_table(header: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> str:
    """A table of texts, which are escaped."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    caption = f"<caption>{escape(title)}</caption>" if title else ""
    thead = f"<thead><tr>{head}</tr></thead>" if header else ""
    return f"<table>{caption}{thead}<tbody>{body}</tbody></table>"


def html_lines(text: str) -> str:
    """A paragraph for each line of text, which is escaped."""
    return "".join(map(html_line, text.splitlines()))


def html_line(text: str) -> str:
    """A paragraph of text, which is escaped."""
    return f"<p>{escape(text)}</p>"
