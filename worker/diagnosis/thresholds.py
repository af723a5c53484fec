"""Every threshold of the diagnosis: its value, its unit, and where it comes from."""

from __future__ import annotations

from worker.data import codes


class Threshold(float):
    """A number that a measurement is compared with."""

    unit: str
    source: str

    def __new__(cls, value: float, unit: str, source: str) -> Threshold:
        """Make a threshold of a value."""
        threshold = super().__new__(cls, value)
        threshold.unit, threshold.source = unit, source
        return threshold

    def __reduce__(self) -> tuple[type[Threshold], tuple[float, str, str]]:
        """Return what a copy is made of."""
        return Threshold, (float(self), self.unit, self.source)


RULES = "published rules: SageMaker Debugger, UMLAUT, DeepDiagnosis"
TUNED = "`python -m benchmarks.diagnosis --half tune`"
THUMB = "a common rule of thumb"
CHOSEN = "chosen"

# Checks of the data.
SPREAD_RATIO = Threshold(10, "largest over smallest standard deviation of columns", RULES)
OFF_CENTRE = Threshold(3, "abs(mean) of a column over its standard deviation", RULES)
LARGE_SPREAD = Threshold(5, "standard deviation of a column", TUNED)
SMALL_SPREAD = Threshold(0.05, "standard deviation of a column, at least", TUNED)
TARGET_SPREAD = Threshold(10, "standard deviation of the target", RULES)
TARGET_OFF_CENTRE = Threshold(10, "abs(mean) of the target over its standard deviation", RULES)
SMALL_TARGET = Threshold(0.02, "standard deviation of the target, at least", TUNED)
IMBALANCE = Threshold(10, "rows of the largest over the smallest class", "SageMaker Debugger")
FAR = Threshold(20, "interquartile ranges beyond the quartiles: an outlier", TUNED)
MAX_FAR = Threshold(0.05, "share of rows above which such values are a heavy tail", TUNED)
OUTLIER_SHARE = Threshold(0.5, "share of the squared distances that outliers have", CHOSEN)
MIN_CODES = Threshold(codes.MIN_CODES, "values of a column of codes, at least", CHOSEN)
ROWS_PER_CODE = Threshold(
    codes.ROWS_PER_CODE, "rows a value of such a column has on average, at least", CHOSEN
)
CODE_SHARE = Threshold(
    codes.CODE_SHARE, "share of the target's variance that its values explain", CHOSEN
)
CODES_BY_CHANCE = Threshold(codes.BY_CHANCE, "standard deviations of what chance explains", CHOSEN)
JUMBLED = Threshold(
    codes.JUMBLED, "variance between neighbouring codes over that between all", CHOSEN
)
CURVED = Threshold(codes.CURVED, "share of what codes explain that a cubic curve does", CHOSEN)
LEAK_SCORE = Threshold(0.99, "R² or accuracy above chance, of one column's neighbours", RULES)
LEAK_OTHERS = Threshold(0.3, "share of a constant loss that other columns take off", CHOSEN)
ORDERED = Threshold(0.1, "distance of the last rows' target from that of the others", CHOSEN)
BY_CHANCE = Threshold(
    1.95, "that distance by chance, for samples of size 1", "Kolmogorov and Smirnov's test at 0.1 %"
)
NEIGHBOURS = Threshold(20, "rows below which neighbours are alike by chance", CHOSEN)
ORDERED_NEIGHBOURS = Threshold(0.3, "how alike the targets of neighbouring rows are", CHOSEN)
DUPLICATE_SHARE = Threshold(0.02, "share of rows that repeat another", TUNED)
SURE_ERRORS = Threshold(0.08, "wrong labels among the surest rows, at least", CHOSEN)
SURE_SHARE = Threshold(0.25, "share of rows that are the surest", CHOSEN)
PLATEAU = Threshold(0.5, "wrong labels among the surest rows over those among all", CHOSEN)
UNEXPLAINED = Threshold(0.6, "share of variance that the best model leaves", TUNED)
CONFLICT_SHARE = Threshold(0.05, "share of rows that contradict an equal one", TUNED)
UNLIKELY = Threshold(0.2, "probability of a label that is named as unlikely", CHOSEN)
IRRELEVANT_SHARE = Threshold(0.5, "share of columns no better than noise", TUNED)
MIN_IRRELEVANT = Threshold(10, "columns no better than noise, at least", TUNED)
MAX_COLUMNS = Threshold(500, "columns of which importances are measured", CHOSEN)
WIDE_ROWS = Threshold(20, "training rows a column below which a table is wide", CHOSEN)
SCARCE_ROWS = Threshold(100, "training rows below which they are few", TUNED)
SCARCE_COLUMN_ROWS = Threshold(5, "training rows a column below which they are few", TUNED)
SCARCE_FALL = Threshold(0.15, "share that the second half of the rows takes off", TUNED)
SCARCE_SPREAD = Threshold(0.4, "deviation of the loss between draws over its mean", TUNED)
MIN_FALL = Threshold(0.04, "relative loss that the second half takes off, at least", TUNED)
BALANCED_GAIN = Threshold(0.05, "balanced error that class weights take off, at least", TUNED)
BALANCED_SHARE = Threshold(0.15, "share of the balanced error that they take off", TUNED)
MAX_CODED_CLASSES = Threshold(10, "whole numbers of a target that may be classes", CHOSEN)
ROWS_OF_CLASS = Threshold(4, "rows of each of them, on average, at least", CHOSEN)

# Checks of the recipe.
UNREACHABLE = Threshold(0.02, "share of targets that the output cannot reach", TUNED)
MOSTLY_UNREACHABLE = Threshold(0.05, "the same, from which the cause is certain", TUNED)
SUM_ERROR = Threshold(0.02, "distance from 1 that a row's shares may add up to", CHOSEN)
SQUASHING_LAYERS = Threshold(3, "squashing hidden layers other than tanh", CHOSEN)
TANH_LAYERS = Threshold(6, "squashing hidden layers with those of tanh", CHOSEN)
SMALL_UNITS = Threshold(8, "units of the narrowest hidden layer, at least", TUNED)
LINEAR_REST = Threshold(0.01, "share of the variance that a linear target leaves", CHOSEN)
WEIGHTS_PER_ROW = Threshold(50, "weights per training row", TUNED)
DROPOUT = Threshold(0.5, "dropout rate", RULES)
MIN_ACTIVE_UNITS = Threshold(8, "units that dropout leaves, at least", TUNED)
PENALTY_L1 = Threshold(1e-3, "L1 over the loss of a constant answer", TUNED)
PENALTY_L2 = Threshold(1e-2, "L2 over the loss of a constant answer", TUNED)
PENALTY_START = Threshold(0.1, "L2 penalty of the first weights over that loss", CHOSEN)
BATCH_SHARE = Threshold(0.25, "batch size over training rows", TUNED)
BATCH_STEPS = Threshold(8, "steps an epoch, at least", TUNED)
BATCH_WITH_SHARE = Threshold(64, "rows of a batch above which its share counts", CHOSEN)
BATCH_WITH_STEPS = Threshold(128, "rows of a batch above which its steps count", CHOSEN)
SMALL_BATCH = Threshold(4, "rows of a batch, at least", TUNED)
DECAYED = Threshold(0.01, "learning rate halfway through over the first, at least", CHOSEN)
FEW_EPOCHS = Threshold(10, "epochs, at least", TUNED)
INITIAL_SPREAD = Threshold(
    4, "initial over the usual standard deviation; below its inverse squared", TUNED
)

# Checks of the curve and of the network.
GAP = Threshold(1.1, "validation loss over training loss", RULES)
EARLY_BEST = Threshold(0.6, "share of the epochs before which the best is early", RULES)
LATE_BEST = Threshold(0.75, "share of the epochs after which the best is late", "Tuning Playbook")
WORSE_THAN_BEST = Threshold(1.05, "last validation loss over the least", TUNED)
NOT_RESTORED = Threshold(1.02, "last validation loss over the least, with early stopping", TUNED)
STILL_FALLING = Threshold(0.02, "fall of the loss in the last quarter", TUNED)
FALL = Threshold(0.1, "fall of the training loss, at least", TUNED)
SIGN_CHANGES = Threshold(0.5, "share of epochs at which the loss turns", RULES)
SHORT_PATIENCE = Threshold(3, "patience of early stopping, at least", CHOSEN)
ROUGH = Threshold(0.1, "median change of the loss from epoch to epoch, as a share", CHOSEN)
DEAD = Threshold(0.7, "share of hidden units that are always 0", RULES)
BEYOND = Threshold(5, "abs(input) from which a squashing unit is saturated", RULES)
SATURATED = Threshold(0.5, "share of inputs to squashing units that are saturated", RULES)
LOW_STEP = Threshold(-4, "log10 of the first step over the weights' size, at least", THUMB)
HIGH_STEP = Threshold(-1, "log10 of the first step over the weights' size", THUMB)
VANISHING_LAYERS = Threshold(3, "hidden layers that let a gradient vanish, at least", CHOSEN)
VANISHED = Threshold(1e-3, "gradient of the first over the last kernel, at least", TUNED)
EXPLODED = Threshold(1e3, "first loss over a constant answer's", RULES)

# The chain of remedies.
HOPELESS = Threshold(1e3, "times a constant answer's loss: as bad as no loss", CHOSEN)
FAR_BELOW = Threshold(0.5, "times its loss: a training that shows what can be learned", CHOSEN)
MIN_GAIN = Threshold(0.02, "share of a constant answer's loss that matters", TUNED)
MIN_SHARE = Threshold(0.09, "share of the recipe's own loss that matters", TUNED)
UNSUSPECTED = Threshold(1.5, "times that, where no check named the cause", TUNED)
CONFIRMED = Threshold(0.5, "share of that which fresh draws must show", TUNED)
MIN_SEEDS = Threshold(3, "draws, each with a seed, that a confirmed remedy gains on", CHOSEN)
OUTWEIGHED = Threshold(4, "mean gain of three draws over the loss of the one that loses", CHOSEN)
NEAR = Threshold(
    0.7,
    "share of the best gain, below a constant answer, from which a remedy, or a part of one, is as "
    "good",
    TUNED,
)
SAME_STAGE_NEAR = Threshold(0.85, "the same among causes of one stage", TUNED)
LUCKY_DRAW = Threshold(0.2, "loss on the worst draw less that on the first", CHOSEN)
EXPLAINED_AWAY = Threshold(0.5, "share of its gain below which a rival is an alternative", TUNED)
LARGE_FALL = Threshold(0.1, "fall, excess or lead of the relative loss that is large", CHOSEN)
LARGE_SHARE = Threshold(0.4, "the same as a share of the loss itself", CHOSEN)
CRITICAL_SHARE = Threshold(0.4, "share of the excess of a critical cause, at least", CHOSEN)
MAJOR_SHARE = Threshold(0.1, "share of the excess of a major cause, at least", CHOSEN)
