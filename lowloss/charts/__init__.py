"""Charts as SVG, for the pages of the server and the reports of the worker.

A chart is text with classes and no style of its own: the page's style sheet colours it. What an
element is about stands in its `data-tip`, which the page's script shows, and in a `<title>`.
"""
