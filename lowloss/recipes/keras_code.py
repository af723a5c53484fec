"""A recipe as Keras code: the whole script, and what a change to it looks like."""

from __future__ import annotations

from lowloss.spec import Recipe, Task


def training_code(recipe: Recipe, *, target: str, task: Task) -> str:
    """A Keras 3 script that trains the recipe on numpy arrays `x` and `y`."""
    raise NotImplementedError


def change_code(before: Recipe, after: Recipe, *, task: Task) -> str:
    """The lines of the script that make one recipe the other; empty where nothing differs."""
    raise NotImplementedError
