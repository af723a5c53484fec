"""Recipes read from Keras models, and written as Keras code."""

from lowloss.recipes.code_table import ScriptTable
from lowloss.recipes.imported import ImportedRecipe
from lowloss.recipes.keras_archive import is_hdf5
from lowloss.recipes.keras_calls import network_calls, rate_call
from lowloss.recipes.keras_code import change_code, training_code
from lowloss.recipes.of_trial import fitting_output, recipe_of_trial
from lowloss.recipes.reading import (
    read_recipe,
    recipe_from_hdf5_attributes,
    recipe_from_keras_file,
)

__all__ = [
    "ImportedRecipe",
    "ScriptTable",
    "change_code",
    "fitting_output",
    "is_hdf5",
    "network_calls",
    "rate_call",
    "read_recipe",
    "recipe_from_hdf5_attributes",
    "recipe_from_keras_file",
    "recipe_of_trial",
    "training_code",
]
