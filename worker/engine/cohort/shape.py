"""What a program is compiled for."""

from __future__ import annotations

from dataclasses import dataclass

from worker.engine.plans import per_layer

OPTIONS = frozenset({"clip_norm", "dropout", "l1", "mixup", "noise"})
"""What costs a program time even where its value does nothing, and so is left out unless needed."""
LAYER_PENALTIES = "layer_penalties"
"""Further option: other penalties for each layer of a network."""
BINS = "bins"
"""Further option: networks that see bins. A program has it for all of its slots or for none."""
UNEVEN = "uneven"
"""Further option: slots whose epochs have unequal numbers of steps."""


@dataclass(frozen=True)
class Shape:
    """What a program is compiled for, beside the job's data; all else is a run-time value.

    `batch_size` is the largest that it can train. `activation` is of all hidden layers, or one
    each. `uses` names the options that it has: a plan whose value of another is not 0 does not fit.
    """

    slots: int
    widths: tuple[int, ...]
    batch_size: int
    activation: str | tuple[str, ...]
    optimizer: str
    uses: frozenset[str] = OPTIONS | {UNEVEN}

    @property
    def activations(self) -> tuple[str, ...]:
        """The activation of each hidden layer."""
        return per_layer(self.activation, len(self.widths))

    def __str__(self) -> str:
        widths = "-".join(map(str, self.widths)) or "no hidden layers"
        activations = self.activations if isinstance(self.activation, tuple) else [self.activation]
        names = [*(["-".join(activations)] if activations else []), self.optimizer]
        parts = [widths, f"batch {self.batch_size}", *names, *sorted(self.uses)]
        return f"cohort of {self.slots}: {', '.join(parts)}"
