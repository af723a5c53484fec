"""Charts as SVG, for the pages of the server and for reports.

A chart is text with classes and no style of its own: the page's style sheet colours it. What a
mark is about stands in its `data-tip`, or in its link's `aria-label`; the page's script shows it.
"""
