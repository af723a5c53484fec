"""Charts as SVG: what is drawn, where, and that names do no harm."""

from __future__ import annotations

import math
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from lowloss.charts.axes import Axis
from lowloss.charts.bars import Bar, draw_bars, draw_histogram, draw_sparkline
from lowloss.charts.matrix import MAX_CLASSES, MAX_TIPS, draw_matrix
from lowloss.charts.parallel import Thread, draw_parallel
from lowloss.charts.plots import MAX_LINE_POINTS, Bin, Line, Plot, Point, draw_plot

X, Y = Axis("x"), Axis("y")
HOSTILE = '"><script>alert(1)</script>& $x_1$ 😀'


def parts(svg: str, class_: str) -> list[ElementTree.Element]:
    """The elements of a class; raises where the SVG is not well-formed."""
    return [e for e in ElementTree.fromstring(svg).iter() if class_ in e.get("class", "").split()]


def texts(svg: str, class_: str) -> list[str]:
    return [element.text or "" for element in parts(svg, class_)]


def bottom_of(bar: ElementTree.Element) -> float:
    return float(bar.get("y", "")) + float(bar.get("height", ""))


def test_higher_values_stand_higher() -> None:
    plot = Plot("l", X, Y, points=[Point(1, 5.0, "a"), Point(2, 7.0, "b")])

    low, high = parts(draw_plot(plot), "point")

    assert float(low.get("cx", "")) < float(high.get("cx", ""))
    assert float(low.get("cy", "")) > float(high.get("cy", ""))
    assert (low.get("data-tip"), high.get("data-tip")) == ("a", "b")


def test_bad_scores_stand_at_the_upper_edge() -> None:
    points = [Point(n, 1.0 + n / 100, "t") for n in range(9)] + [Point(9, 1e6, "bad")]

    *_, bad = parts(draw_plot(Plot("l", X, Y, points=points, y_limits=(-math.inf, 2.0))), "point")
    good = parts(draw_plot(Plot("l", X, Y, points=points, y_limits=(-math.inf, 2.0))), "point")[0]

    assert float(bad.get("cy", "")) < 50 < float(good.get("cy", ""))


def test_line_has_a_gap_where_a_value_is_missing() -> None:
    svg = draw_plot(Plot("l", X, Y, lines=[Line("a", (1.0, 2.0, None, 3.0))]))

    (line,) = [e for e in parts(svg, "line") if e.tag == "path"]
    assert line.get("d", "").count("M") == 2


def test_long_lines_are_thinned_and_keep_their_end() -> None:
    line = Line("a", tuple(float(n) for n in range(10_000)))

    assert len(line.points) <= MAX_LINE_POINTS + 2
    assert line.points[-1] == (10_000, 9999.0)


def test_nothing_to_draw_is_no_chart() -> None:
    assert draw_plot(Plot("l", X, Y)) == ""
    assert draw_plot(Plot("l", X, Y, lines=[Line("a", (None,))])) == ""
    assert draw_bars("l", []) == ""
    assert draw_parallel("l", [], []) == ""
    assert draw_sparkline("l", [1.0]) == ""


def test_values_without_a_logarithm_have_a_linear_scale() -> None:
    points = [Point(1, -1.0, "a"), Point(2, 5.0, "b")]

    svg = draw_plot(Plot("l", X, Axis("y", is_log=True), points=points))

    assert len(parts(svg, "point")) == 2


@pytest.mark.parametrize(("y", "edge"), [(math.inf, min), (-math.inf, max)])
def test_point_without_a_finite_value_is_a_cross_at_the_edge(
    y: float, edge: Callable[..., float]
) -> None:
    points = [Point(1, 5.0, "a"), Point(2, 7.0, "b"), Point(3, y, "diverged", "cross")]

    *circles, cross = parts(draw_plot(Plot("l", X, Y, points=points)), "point")

    at_edge = float(cross.get("d", "").removeprefix("M").split("m")[0].split()[1])
    assert cross.tag.endswith("path")
    assert edge(at_edge, *(float(circle.get("cy", "")) for circle in circles)) == at_edge


def test_points_that_say_nothing_are_one_path_for_each_kind() -> None:
    points = [Point(n, n, kind="pruned" if n % 2 else "") for n in range(100)]

    drawn = parts(draw_plot(Plot("l", X, Y, points=points)), "dots")

    assert [dots.get("class") for dots in drawn] == ["dots", "dots pruned"]
    assert [dots.get("d", "").count("M") for dots in drawn] == [50, 50]


def test_bins_stand_on_the_axis() -> None:
    bins = [Bin(0.0, 1.0, 3, "a"), Bin(1.0, 2.0, 6, "b")]

    low, high = parts(draw_plot(Plot("l", X, Y, bins=bins)), "bar")

    assert bottom_of(low) == bottom_of(high)
    assert float(low.get("height", "")) * 2 == pytest.approx(float(high.get("height", "")), abs=1)


def test_charts_with_the_same_ends_have_the_same_scale() -> None:
    y_axis = Axis("y", ends=(0.0, 100.0))

    drawn = [draw_plot(Plot("l", X, y_axis, lines=[Line("a", ys)])) for ys in [(1, 2), (50, 99)]]

    first, second = (texts(svg, "tick") for svg in drawn)
    assert [tick for tick in first if tick.endswith("0")] == [
        tick for tick in second if tick.endswith("0")
    ]


def test_legend_names_lines_steps_and_kinds_of_points() -> None:
    plot = Plot(
        "l",
        X,
        Y,
        lines=[Line("training", (1, 2)), Line("validation", (2, 3))],
        points=[Point(1, math.inf, "t", "cross")],
        steps=[(1, 2)],
        legend={"cross": "diverged", "steps": "best so far"},
    )

    shown = texts(draw_plot(plot), "tick")

    assert shown[-4:] == ["training", "validation", "diverged", "best so far"]


def test_bars_are_as_long_as_their_values() -> None:
    svg = draw_bars("l", [Bar("a", 1.0, "1"), Bar("b", 0.5, "½", (0.25, 0.75))])

    long, short = (float(bar.get("width", "")) for bar in parts(svg, "bar"))
    assert long == 2 * short
    assert len(parts(svg, "interval")) == 1


def test_bars_below_zero_go_to_the_left_of_a_line() -> None:
    bars = [Bar("a", 0.5, "50 %"), Bar("b", -0.5, "-50 %", (-0.7, -0.3)), Bar("c", -9.0, "-900 %")]

    svg = draw_bars("l", bars, longest=1.0)

    above, below, far = parts(svg, "bar")
    (zero,) = (float(line.get("x1", "")) for line in parts(svg, "zero"))
    assert float(above.get("x", "")) == zero
    assert float(below.get("x", "")) + float(below.get("width", "")) == pytest.approx(zero)
    length = float(above.get("width", ""))
    assert float(below.get("width", "")) == pytest.approx(length, abs=0.11)
    assert float(far.get("width", "")) == pytest.approx(2 * length, abs=0.21)
    assert not parts(draw_bars("l", bars[:1], longest=1.0), "zero")


def test_bars_are_longer_where_the_texts_beside_them_are_short() -> None:
    (short,) = parts(draw_bars("l", [Bar("a", 1.0, "1")]), "bar")
    (long,) = parts(draw_bars("l", [Bar("a" * 24, 1.0, "0.00001 ± 0.00001")]), "bar")

    assert float(short.get("width", "")) > 300
    assert float(long.get("width", "")) >= 60


def test_line_through_one_epoch_is_as_thick_as_a_point() -> None:
    one = draw_plot(Plot("l", X, Y, lines=[Line("one", (1.0,))]))
    more = draw_plot(Plot("l", X, Y, lines=[Line("more", (1.0, None, 1.0, 2.0))]))

    assert len(parts(one, "alone")) == 1
    assert not parts(more, "alone")


def test_histogram_has_a_bar_for_each_bin() -> None:
    svg = draw_histogram("l", ["0 to 1", "<b>"], [1, 4])

    assert [bar.get("data-tip") for bar in parts(svg, "bar")] == ["0 to 1: 1", "<b>: 4"]


def test_best_thread_is_drawn_last_and_darkest() -> None:
    threads = [
        Thread("best", {"a": 1.0, "b": "x"}, 0.0, "/1"),
        Thread("worst", {"a": 2.0, "b": "y"}, 0.9, "/2"),
    ]

    svg = draw_parallel("l", ["a", "b"], threads)

    drawn = parts(svg, "thread")
    assert svg.index('aria-label="worst"') < svg.index('aria-label="best"')
    assert "shade-0" in drawn[1].get("class", "")
    assert len(drawn[0].get("data-ys", "").split()) == 2


def test_axis_may_hold_numbers_and_words() -> None:
    threads = [Thread("a", {"a": 1.0}, 0.0), Thread("b", {"a": "none"}, 0.9)]

    drawn = parts(draw_parallel("l", ["a"], threads), "thread")

    assert len({thread.get("data-ys") for thread in drawn}) == 2


def test_names_are_escaped_everywhere() -> None:
    charts = (
        draw_plot(
            Plot(
                HOSTILE,
                Axis(HOSTILE),
                Axis(HOSTILE),
                points=[Point(1, 1, HOSTILE, HOSTILE, HOSTILE)],
            )
        ),
        draw_plot(Plot(HOSTILE, X, Y, lines=[Line(HOSTILE, (1.0, 2.0), href=HOSTILE)])),
        draw_bars(HOSTILE, [Bar(HOSTILE, 1.0, HOSTILE)]),
        draw_parallel(HOSTILE, [HOSTILE], [Thread(HOSTILE, {HOSTILE: HOSTILE}, 0.0, HOSTILE)]),
        draw_sparkline(HOSTILE, [1.0, 2.0]),
        draw_plot(Plot(HOSTILE, Axis(HOSTILE, choices=(HOSTILE, "b")), Y, points=[Point(0, 1)])),
        draw_plot(Plot(HOSTILE, X, Y, bins=[Bin(0, 1, 2, HOSTILE)])),
        draw_plot(Plot(HOSTILE, X, Y, points=[Point(1, 1, HOSTILE)], legend={HOSTILE: HOSTILE})),
        draw_histogram(HOSTILE, [HOSTILE], [1]),
        draw_matrix(HOSTILE, (HOSTILE, "b"), ((1, 2), (3, 4))),
    )

    for chart in charts:
        assert "<script" not in chart
        ElementTree.fromstring(chart)


def test_matrix_of_few_classes_has_a_cell_for_each_pair() -> None:
    drawn = draw_matrix("Confusion", ("a", "b"), ((3, 1), (0, 1200)))

    cells = [e for e in ElementTree.fromstring(drawn).iter() if e.tag == "td"]
    assert [cell.text for cell in cells] == ["3", "1", "75 %", "0", "1,200", "100 %"]
    assert [cell.get("class") for cell in cells] == [
        *("heat-4", "heat-1", None),
        *("heat-0", "heat-5", None),
    ]
    assert cells[1].get("data-tip") == "a predicted as b: 1 row, 25 %"


def test_matrix_of_many_classes_is_a_small_picture() -> None:
    count = 5 * MAX_CLASSES
    names = [f"c{index}" for index in range(count)]

    drawn = draw_matrix("Confusion", names, [[1] * count for _ in names])

    squares = parts(drawn, "heat-1")
    assert sum(square.get("d", "").count("M") for square in squares) == count**2
    # Where all are alike, some speak all the same.
    assert len([square for square in squares if square.get("data-tip")]) == MAX_TIPS
    assert len(drawn) < 500_000


def test_matrix_of_many_classes_names_them_and_says_what_each_square_is() -> None:
    names = [chr(ord("A") + index) for index in range(26)]
    counts = [[0] * 26 for _ in names]
    counts[0][0], counts[0][25] = 3, 1

    drawn = draw_matrix("Confusion", names, counts)

    texts = [e.text or "" for e in ElementTree.fromstring(drawn).iter() if "text" in e.tag]
    assert sorted(texts) == sorted([*names, *names, "actual", "predicted"])
    tips = [e.get("data-tip") for e in ElementTree.fromstring(drawn).iter()]
    assert "A predicted as A: 3 rows, 75 %" in tips
    assert "A predicted as Z: 1 row, 25 %" in tips


def test_long_names_of_many_classes_are_turned_and_written_where_there_is_room() -> None:
    names = [f"a class with number {index}" for index in range(90)]

    drawn = draw_matrix("Confusion", names, [[1] * 90 for _ in names])

    turned = [e for e in ElementTree.fromstring(drawn).iter() if e.get("transform")]
    # The title of the lines is turned, too. 90 names in 480 pixels: each third one.
    assert len(turned) == 1 + 30


def test_class_without_rows_is_no_division_by_zero() -> None:
    drawn = draw_matrix("Confusion", ("a", "b"), ((0, 0), (0, 1)))

    assert "a predicted as b: 0 rows, 0.0 %" in drawn
