"""Elements of SVG and HTML as text, with everything in them escaped."""

from __future__ import annotations

from html import escape


def element(tag: str, content: str = "", **attributes: object) -> str:
    """Write an element; `content` is written already.

    Attributes with the value None are left out; `_` in a name stands for `-`, and a last one is
    left out (`class_`).
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{written}>{content}</{tag}>" if content else f"<{tag}{written}/>"


def text(content: str, x: float, y: float, **attributes: object) -> str:
    """Write a text at a position."""
    return element("text", escape(content), x=x, y=y, **attributes)


def mark(tag: str, tip: str, *, href: str | None = None, **attributes: object) -> str:
    """Write a mark that says what it is about, and leads to it.

    The keyboard passes over such links: there may be a thousand, and a table has them, too.
    """
    if href is None:
        return element(tag, "", data_tip=tip, **attributes)
    return element("a", element(tag, "", **attributes), href=href, aria_label=tip, tabindex=-1)


def path(points: list[tuple[float, float]]) -> str:
    """Return the commands of a line through points; a single one is a line of length 0."""
    if len(points) == 1:
        return f"M{points[0][0]:g} {points[0][1]:g}h0"
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def picture(content: str, *, width: float, height: float, label: str, class_: str = "") -> str:
    """Write an SVG that is as wide as its surroundings; `label` says what it shows."""
    return element(
        "svg",
        content,
        class_=f"chart {class_}".strip(),
        viewBox=f"0 0 {width:g} {height:g}",
        # A picture has no parts for who cannot see it: links in it could not be reached.
        role="group" if "<a " in content else "img",
        aria_label=label,
    )
