"""Charts as SVG: what is drawn, where, and that names do no harm."""

from __future__ import annotations

from xml.etree import ElementTree

from lowloss.charts.bars import Bar, draw_bars, draw_histogram, draw_sparkline
from lowloss.charts.parallel import Thread, draw_parallel
from lowloss.charts.plots import MAX_LINE_POINTS, Line, Plot, Point, draw_plot

HOSTILE = '"><script>alert(1)</script>&'


def parts(svg: str, class_: str) -> list[ElementTree.Element]:
    """The elements of a class; raises where the SVG is not well-formed."""
    return [e for e in ElementTree.fromstring(svg).iter() if class_ in e.get("class", "").split()]


def test_higher_values_stand_higher() -> None:
    plot = Plot("l", "x", "y", points=[Point(1, 5.0, "a"), Point(2, 7.0, "b")])

    low, high = parts(draw_plot(plot), "point")

    assert float(low.get("cx", "")) < float(high.get("cx", ""))
    assert float(low.get("cy", "")) > float(high.get("cy", ""))
    assert (low.get("data-tip"), high.get("data-tip")) == ("a", "b")


def test_bad_scores_stand_at_the_upper_edge() -> None:
    points = [Point(n, 1.0 + n / 100, "t") for n in range(9)] + [Point(9, 1e6, "bad")]

    *_, bad = parts(draw_plot(Plot("l", "x", "y", points=points, y_limit=2.0)), "point")
    good = parts(draw_plot(Plot("l", "x", "y", points=points, y_limit=2.0)), "point")[0]

    assert float(bad.get("cy", "")) < 50 < float(good.get("cy", ""))


def test_line_has_a_gap_where_a_value_is_missing() -> None:
    svg = draw_plot(Plot("l", "x", "y", lines=[Line("a", (1.0, 2.0, None, 3.0))]))

    (line,) = [e for e in parts(svg, "line") if e.tag == "path"]
    assert line.get("d", "").count("M") == 2


def test_long_lines_are_thinned_and_keep_their_end() -> None:
    line = Line("a", tuple(float(n) for n in range(10_000)))

    assert len(line.points) <= MAX_LINE_POINTS + 2
    assert line.points[-1] == (10_000, 9999.0)


def test_nothing_to_draw_is_no_chart() -> None:
    assert draw_plot(Plot("l", "x", "y")) == ""
    assert draw_plot(Plot("l", "x", "y", lines=[Line("a", (None,))])) == ""
    assert draw_bars("l", []) == ""
    assert draw_parallel("l", [], []) == ""
    assert draw_sparkline("l", [1.0]) == ""


def test_values_without_a_logarithm_have_a_linear_scale() -> None:
    svg = draw_plot(
        Plot("l", "x", "y", points=[Point(1, -1.0, "a"), Point(2, 5.0, "b")], y_log=True)
    )

    assert len(parts(svg, "point")) == 2


def test_bars_are_as_long_as_their_values() -> None:
    svg = draw_bars("l", [Bar("a", 1.0, "1"), Bar("b", 0.5, "½", (0.25, 0.75))])

    long, short = (float(bar.get("width", "")) for bar in parts(svg, "bar"))
    assert long == 2 * short
    assert len(parts(svg, "interval")) == 1


def test_histogram_has_a_bar_for_each_bin() -> None:
    svg = draw_histogram("l", ["0", "1", "2"], [1, 4])

    assert [bar.get("data-tip") for bar in parts(svg, "bar")] == ["0 to 1: 1", "1 to 2: 4"]


def test_best_thread_is_drawn_last_and_darkest() -> None:
    threads = [
        Thread("best", "/1", {"a": 1.0, "b": "x"}, 0.0),
        Thread("worst", "/2", {"a": 2.0, "b": "y"}, 0.9),
    ]

    svg = draw_parallel("l", ["a", "b"], threads)

    drawn = parts(svg, "thread")
    assert svg.index('aria-label="worst"') < svg.index('aria-label="best"')
    assert "shade-0" in drawn[1].get("class", "")
    assert len(drawn[0].get("data-ys", "").split()) == 2


def test_axis_may_hold_numbers_and_words() -> None:
    threads = [Thread("a", "/1", {"a": 1.0}, 0.0), Thread("b", "/2", {"a": "none"}, 0.9)]

    drawn = parts(draw_parallel("l", ["a"], threads), "thread")

    assert len({thread.get("data-ys") for thread in drawn}) == 2


def test_names_are_escaped_everywhere() -> None:
    charts = (
        draw_plot(Plot(HOSTILE, HOSTILE, HOSTILE, points=[Point(1, 1, HOSTILE, HOSTILE, HOSTILE)])),
        draw_plot(Plot(HOSTILE, "x", "y", lines=[Line(HOSTILE, (1.0, 2.0), href=HOSTILE)])),
        draw_bars(HOSTILE, [Bar(HOSTILE, 1.0, HOSTILE)]),
        draw_parallel(HOSTILE, [HOSTILE], [Thread(HOSTILE, HOSTILE, {HOSTILE: HOSTILE}, 0.0)]),
        draw_sparkline(HOSTILE, [1.0, 2.0]),
    )

    for chart in charts:
        assert "<script" not in chart
        ElementTree.fromstring(chart)
