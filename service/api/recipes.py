"""/v1/recipes: a recipe from a Keras model, which is read as data and never run."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request

from lowloss.errors import BodyTooLarge, RecipeUnreadable, RecipeUnsupported
from lowloss.recipes import read_recipe
from lowloss.results import ReadRecipe
from lowloss.spec import RecipeScaling, Text
from service.api.bodies import Upload, spool_body
from service.api.examples import RECIPE_BODY, problems
from service.api.resources import Given

router = APIRouter(tags=["recipes"])


async def read_fit(
    *,
    epochs: Annotated[int | None, Query(description="Of `fit`.", examples=[100])] = None,
    batch_size: Annotated[int | None, Query(description="Of `fit`.", examples=[32])] = None,
    validation_split: Annotated[
        float | None, Query(allow_inf_nan=False, description="Of `fit`.", examples=[0.2])
    ] = None,
    patience: Annotated[
        int | None, Query(description="Of EarlyStopping on `val_loss`.", examples=[10])
    ] = None,
    restore_best_weights: Annotated[
        bool | None, Query(description="Of EarlyStopping.", examples=[True])
    ] = None,
    loss: Annotated[
        Text | None, Query(max_length=100, description="Of `compile`.", examples=["mse"])
    ] = None,
    optimizer: Annotated[
        Text | None, Query(max_length=100, description="Of `compile`.", examples=["adam"])
    ] = None,
    scale_features: Annotated[
        RecipeScaling | None, Query(description="What was done first.", examples=["standard"])
    ] = None,
    scale_target: Annotated[
        Literal["none", "standard", "minmax"] | None,
        Query(description="What was done first.", examples=["none"]),
    ] = None,
    class_weight: Annotated[
        Literal["none", "balanced"] | None, Query(description="Of `fit`.", examples=["none"])
    ] = None,
) -> dict[str, Any]:
    """What was given of how the model was trained, as fields of a Recipe."""
    stopping = {"patience": patience, "restore_best_weights": restore_best_weights}
    named = {name: value for name, value in stopping.items() if value is not None}
    fit: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "validation_split": validation_split,
        "early_stopping": named or None,
        "loss": loss,
        "optimizer": optimizer,
        "scale_features": scale_features,
        "scale_target": scale_target,
        "class_weight": class_weight,
    }
    return {name: value for name, value in fit.items() if value is not None}


@router.post(
    "/v1/recipes",
    summary="Read a recipe",
    openapi_extra=RECIPE_BODY,
    responses=problems(BodyTooLarge, RecipeUnreadable, RecipeUnsupported),
)
async def read_recipe_of_model(
    given: Given, request: Request, fit: Annotated[dict[str, Any], Depends(read_fit)]
) -> ReadRecipe:
    """The recipe that a Keras model was trained by, to be sent to /v1/diagnoses.

    The parameters are what the file does not hold; they win over what it does. Nothing is stored,
    and no code of the model is run.
    """
    async with spool_body(request, given.settings.data_dir) as upload:
        read = partial(_read, upload, fit)
        return await to_thread.run_sync(read, limiter=given.parsers)


def _read(upload: Upload, fit: dict[str, Any]) -> ReadRecipe:
    read = read_recipe(upload.path.read_bytes(), fit)
    return ReadRecipe(recipe=read.recipe, notes=read.notes)
