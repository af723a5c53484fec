"""What became of the last refit, on all rows, and the sentence on which model was scored."""

from __future__ import annotations

from typing import Literal, assert_never

AllRowsRefit = Literal["complete", "cut_short", "failed"]
"""How the training on all rows ended, the test rows included, that follows the score.

Only after a `complete` one its networks are handed out, else those that were scored: the job's end
`cut_short` the training, or one of its networks `failed`.
"""


def describe_all_rows_refit(refit: AllRowsRefit | None) -> str | None:
    """Say which model a score on the test rows is of; None where it is the one handed out."""
    match refit:
        case None:
            return None
        case "complete":
            return (
                "What the test rows measure is of the model before its last training: once it had "
                "its score, its networks were trained once more with the same settings, on all "
                "rows, these too. The model that is handed out has no score of its own; on these "
                "rows it would look better than it is."
            )
        case "cut_short" | "failed":
            why = "the job ended" if refit == "cut_short" else "a training failed"
            return (
                "The model that is handed out is the one that was scored: its networks were to be "
                f"trained once more, on all rows, but {why} before that was complete."
            )
        case _:
            assert_never(refit)
