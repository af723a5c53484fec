"""What is known of initializers, against what stock Keras draws."""

from __future__ import annotations

import keras
import pytest

from lowloss.spec.initializers import INITIALIZERS


@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize(("fan_in", "fan_out"), [(300, 100), (100, 300)])
def test_the_mean_square_of_first_weights_is_that_of_keras(
    name: str, fan_in: int, fan_out: int
) -> None:
    record = INITIALIZERS[name]
    keras_class = "".join(word.capitalize() for word in name.split("_"))

    weights = getattr(keras.initializers, keras_class)()((fan_in, fan_out))

    usual = float(keras.ops.mean(keras.ops.square(weights)))
    assert record.mean_square(fan_in, fan_out) == pytest.approx(usual, rel=0.1, abs=1e-12)
