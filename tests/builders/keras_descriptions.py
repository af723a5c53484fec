"""What Keras 3.15 writes of models, for tests that need no Keras."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from lowloss.recipes import ImportedRecipe, read_recipe

Description = dict[str, Any]
POLICY = {
    "module": "keras",
    "class_name": "DTypePolicy",
    "config": {"name": "float32"},
    "registered_name": None,
}


def an_object(module: str, class_name: str, **config: Any) -> Description:
    return {
        "module": module,
        "class_name": class_name,
        "config": config,
        "registered_name": None,
    }


def an_input(features: int = 4, **config: Any) -> Description:
    given = {
        "batch_shape": [None, features],
        "dtype": "float32",
        "sparse": False,
        "ragged": False,
        "name": "input_layer",
        "optional": False,
    }
    return an_object("keras.layers", "InputLayer", **(given | config))


def a_layer(class_name: str, **config: Any) -> Description:
    given = {"name": class_name.lower(), "trainable": True, "dtype": POLICY}
    return an_object("keras.layers", class_name, **(given | config))


def an_initializer(class_name: str, **config: Any) -> Description:
    return an_object("keras.initializers", class_name, **config)


def a_dense(units: Any = 8, *, built_on: int | None = 4, **config: Any) -> Description:
    given = {
        "name": "dense",
        "units": units,
        "activation": "linear",
        "use_bias": True,
        "kernel_initializer": an_initializer(
            "GlorotUniform", seed=None, input_axes=None, output_axes=None
        ),
        "bias_initializer": an_initializer("Zeros"),
        "kernel_regularizer": None,
        "bias_regularizer": None,
        "kernel_constraint": None,
        "bias_constraint": None,
        "quantization_config": None,
    }
    layer = a_layer("Dense", **(given | config))
    return layer | ({"build_config": {"input_shape": [None, built_on]}} if built_on else {})


def an_optimizer(class_name: str = "Adam", **config: Any) -> Description:
    given = {
        "name": class_name.lower(),
        "learning_rate": 0.0010000000474974513,
        "weight_decay": None,
        "clipnorm": None,
        "global_clipnorm": None,
        "clipvalue": None,
        "use_ema": False,
        "ema_momentum": 0.99,
        "ema_overwrite_frequency": None,
        "loss_scale_factor": None,
        "gradient_accumulation_steps": None,
    }
    return an_object("keras.optimizers", class_name, **(given | config))


def a_loss(class_name: str, **config: Any) -> Description:
    given = {"name": class_name.lower(), "reduction": "sum_over_batch_size"}
    return an_object("keras.losses", class_name, **(given | config))


def a_model(
    *layers: Description, optimizer: Any = "adam", loss: Any = "mse", **beside: Any
) -> Description:
    """A compiled Sequential of these layers, after its input."""
    compiled = {
        "optimizer": an_optimizer() if optimizer == "adam" else optimizer,
        "loss": loss,
        "loss_weights": None,
        "metrics": ["mae"],
        "weighted_metrics": None,
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": False,
    }
    config = {
        "name": "sequential",
        "trainable": True,
        "dtype": POLICY,
        "layers": [an_input(), *layers],
        "build_input_shape": [None, 4],
    }
    model = {
        "module": "keras",
        "class_name": "Sequential",
        "config": config,
        "registered_name": None,
        "build_config": {"input_shape": [None, 4]},
        "compile_config": compiled,
    }
    return model | beside


def a_network(*layers: Description, **given: Any) -> Description:
    """A compiled model of these layers and a linear output of one unit."""
    return a_model(*layers, a_dense(1, name="output"), **given)


def called_on(layer: Description, *sources: str, **arguments: Any) -> Description:
    """A layer of a functional model, with what it takes."""
    tensors = [
        {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None, 4], "dtype": "float32", "keras_history": [source, 0, 0]},
        }
        for source in sources
    ]
    args = [tensors] if len(tensors) > 1 else tensors
    nodes = [{"args": args, "kwargs": arguments}] if sources else []
    return layer | {"name": layer["config"]["name"], "inbound_nodes": nodes}


def a_functional(*layers: Description, inputs: Any, outputs: Any, **beside: Any) -> Description:
    """A compiled functional model; each layer says what it takes."""
    config = {
        "name": "functional",
        "trainable": True,
        "layers": list(layers),
        "input_layers": inputs,
        "output_layers": outputs,
    }
    model = {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": config,
        "registered_name": "Functional",
        "build_config": {"input_shape": None},
        "compile_config": {"optimizer": an_optimizer(), "loss": "mse"},
    }
    return model | beside


def an_archive(text: bytes, *, member: str = "config.json", compression: int = 0) -> bytes:
    """A .keras file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        archive.writestr(member, text)
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n" + bytes(100))
    return file.getvalue()


def written(description: Any) -> bytes:
    return json.dumps(description).encode()


def read_model(description: Description, **fit: Any) -> ImportedRecipe:
    """Return the recipe of a described model, compiled or fitted with some arguments changed."""
    arguments = {"epochs": 10, "batch_size": 32, "validation_split": 0.0} | fit
    return read_recipe(written(description), arguments)
