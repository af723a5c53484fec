"""/v1/recipes: a recipe from a Keras model, which is read as data and never run."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request

from lowloss.errors import BodyTooLarge, RecipeUnreadable, RecipeUnsupported
from lowloss.recipes import is_hdf5, read_recipe, recipe_from_hdf5_attributes
from lowloss.results import ReadRecipe
from lowloss.spec import RecipeScaling, Text
from service.api.bodies import Upload, describe_body, spool_body
from service.api.examples import problems
from service.resources.callers import RequestCaller
from service.resources.resources import Dependencies
from service.tables.parse import Bounds, parse_model

router = APIRouter(tags=["recipes"])

KERAS_MODEL = json.dumps(
    {
        "class_name": "Sequential",
        "config": {
            "layers": [
                {"class_name": "Dense", "config": {"units": 64, "activation": "relu"}},
                {"class_name": "Dense", "config": {"units": 1}},
            ]
        },
    }
)


Scaled = Query(description="What was done to the columns first.", examples=["standard"])


async def read_stopping(
    patience: Annotated[
        int | None, Query(description="Of EarlyStopping on `val_loss`.", examples=[10])
    ] = None,
    restore_best_weights: Annotated[
        bool | None, Query(description="Of EarlyStopping.", examples=[True])
    ] = None,
) -> dict[str, Any] | None:
    """Collect the options of early stopping; None where there are none."""
    options = {"patience": patience, "restore_best_weights": restore_best_weights}
    return {name: value for name, value in options.items() if value is not None} or None


async def read_preprocessing(
    scale_features: Annotated[RecipeScaling | None, Scaled] = None,
    scale_target: Annotated[Literal["none", "standard", "minmax"] | None, Scaled] = None,
    missing: Annotated[
        Literal["keep", "mean"] | None,
        Query(description="What is fed for a missing number.", examples=["mean"]),
    ] = None,
    select_features: Annotated[
        int | None,
        Query(description="How many inputs are kept; needs `missing=mean`.", examples=[20]),
    ] = None,
) -> dict[str, Any]:
    """Collect what was done to the columns first, as fields of a Recipe."""
    columns = {
        "scale_features": scale_features,
        "scale_target": scale_target,
        "missing": missing,
        "select_features": select_features,
    }
    return {name: value for name, value in columns.items() if value is not None}


async def read_fit(
    *,
    stopping: Annotated[dict[str, Any] | None, Depends(read_stopping)],
    columns: Annotated[dict[str, Any], Depends(read_preprocessing)],
    epochs: Annotated[int | None, Query(description="Of `fit`.", examples=[100])] = None,
    batch_size: Annotated[int | None, Query(description="Of `fit`.", examples=[32])] = None,
    validation_split: Annotated[
        float | None, Query(allow_inf_nan=False, description="Of `fit`.", examples=[0.2])
    ] = None,
    validation_rows: Annotated[
        Literal["random", "last"] | None,
        Query(description="`last` as `fit` takes them.", examples=["last"]),
    ] = None,
    shuffle: Annotated[bool | None, Query(description="Of `fit`.", examples=[True])] = None,
    class_weight: Annotated[
        Literal["none", "balanced"] | None, Query(description="Of `fit`.", examples=["none"])
    ] = None,
    loss: Annotated[Text | None, Query(description="Of `compile`.", examples=["mse"])] = None,
    optimizer: Annotated[Text | None, Query(description="Of `compile`.", examples=["adam"])] = None,
) -> dict[str, Any]:
    """Collect the options of the training, as fields of a Recipe."""
    fit: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "validation_split": validation_split,
        "validation_rows": validation_rows,
        "shuffle": shuffle,
        "class_weight": class_weight,
        "early_stopping": stopping,
        "loss": loss,
        "optimizer": optimizer,
    }
    return columns | {name: value for name, value in fit.items() if value is not None}


@router.post(
    "/v1/recipes",
    summary="Read a recipe",
    openapi_extra=describe_body(
        "The text of `model.to_json()`, the bytes of a `.keras` or `.h5` file, or a recipe.",
        KERAS_MODEL,
        "model.to_json()",
    ),
    responses=problems(BodyTooLarge, RecipeUnreadable, RecipeUnsupported),
)
async def read_recipe_of_model(
    deps: Dependencies,
    request: Request,
    *,
    caller: RequestCaller,
    fit: Annotated[dict[str, Any], Depends(read_fit)],
) -> ReadRecipe:
    """Read the recipe by which a Keras model was trained; send it to /v1/diagnoses.

    The parameters add what the file does not hold, and replace what it does. Nothing is stored, and
    no code of the model is run.
    """
    async with spool_body(request, deps.settings.data_dir) as upload:
        bounds = Bounds(deps.settings.parser_bytes, deps.settings.parse_seconds)
        read = partial(_read, upload, fit, bounds)
        return await deps.parsers.run(caller, read)


def _read(upload: Upload, fit: dict[str, Any], bounds: Bounds) -> ReadRecipe:
    data = upload.path.read_bytes()
    if is_hdf5(data):
        imported = recipe_from_hdf5_attributes(parse_model(upload.path, bounds=bounds), fit=fit)
    else:
        imported = read_recipe(data, fit)
    return ReadRecipe(recipe=imported.recipe, notes=imported.notes)
