"""A document of headings, texts, tables, pictures and findings, as one HTML page with everything in
it, or as Markdown with pictures beside it.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass

from .figures import Picture
from .finding import Finding


@dataclass(frozen=True)
class Heading:
    level: int
    text: str

    @property
    def anchor(self) -> str:
        return "".join(c if c.isalnum() else "-" for c in self.text.lower())


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Table:
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Findings:
    items: tuple[Finding, ...]


Block = Heading | Text | Table | Findings | Picture

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c1e21; background: #fbfbfa; margin: 0 auto; max-width: 66rem; padding: 1.5rem; }
h1 { font-size: 1.7rem; } h2 { margin-top: 3rem; border-bottom: 2px solid #d8d8d4; padding-bottom: .3rem; } h3 { margin-top: 2rem; }
nav a { margin-right: 1.2rem; } a { color: #0b5fa5; }
table { border-collapse: collapse; margin: 1rem 0; font-size: .92rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #e2e2de; text-align: left; } td.number { text-align: right; }
thead th { border-bottom: 2px solid #b9b9b3; }
div.wide { overflow-x: auto; }
figure { margin: 1.5rem 0; background: #fff; border: 1px solid #e2e2de; border-radius: 6px; padding: .8rem; }
figure img { max-width: 100%; height: auto; display: block; margin: 0 auto; } figcaption { font-size: .9rem; color: #44484d; margin-top: .5rem; }
ul.findings { list-style: none; padding: 0; } ul.findings li { margin: .4rem 0; padding: .45rem .8rem; border-left: 5px solid; background: #fff; }
.agrees { border-color: #009e73 !important; } .differs { border-color: #d55e00 !important; } .note { border-color: #8a8d91 !important; }
.mark { font-weight: 600; margin-right: .5rem; }
"""


def to_html(title: str, blocks: Sequence[Block]) -> str:
    """One file without references to others."""
    contents = "".join(
        f'<a href="#{b.anchor}">{html.escape(b.text)}</a>'
        for b in blocks
        if isinstance(b, Heading) and b.level == 2
    )
    body = "\n".join(map(_html, blocks))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{html.escape(title)}</h1>\n<nav>{contents}</nav>\n"
        f"{body}\n</body>\n</html>\n"
    )


def to_markdown(title: str, blocks: Sequence[Block], folder: str) -> str:
    """Pictures are links to `folder`/NAME.png."""
    return "\n\n".join([f"# {title}", *(_markdown(block, folder) for block in blocks)]) + "\n"


def _html(block: Block) -> str:
    if isinstance(block, Heading):
        return f'<h{block.level} id="{block.anchor}">{html.escape(block.text)}</h{block.level}>'
    if isinstance(block, Text):
        return f"<p>{html.escape(block.text)}</p>"
    if isinstance(block, Findings):
        items = "".join(
            f'<li class="{f.mark}"><span class="mark">{f.mark}</span>{html.escape(f.text)}</li>'
            for f in block.items
        )
        return f'<ul class="findings">{items}</ul>'
    if isinstance(block, Picture):
        data, caption = base64.b64encode(block.png).decode(), html.escape(block.caption)
        return (
            f'<figure><img alt="{html.escape(block.title)}"'
            f' src="data:image/png;base64,{data}"><figcaption>{caption}</figcaption></figure>'
        )
    head = "".join(f"<th>{html.escape(c)}</th>" for c in block.columns)
    rows = "".join("<tr>" + "".join(map(_entry, row)) + "</tr>" for row in block.rows)
    return (
        "<div"
        f' class="wide"><table><caption>{html.escape(block.caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _entry(text: str) -> str:
    opening = '<td class="number">' if text[:1].isdigit() else "<td>"
    return f"{opening}{html.escape(text)}</td>"


def _markdown(block: Block, folder: str) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {block.text}"
    if isinstance(block, Text):
        return block.text
    if isinstance(block, Findings):
        return "\n".join(f"- **{f.mark}** {f.text}" for f in block.items)
    if isinstance(block, Picture):
        return f"![{block.title}]({folder}/{block.name}.png)\n\n*{block.caption}*"
    return f"*{block.caption}*\n\n{markdown_table(block.columns, block.rows)}"


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
