// Recipes: fields for what most of them have, over the JSON that is sent.

import { call, clearProblems, listTargets } from "./forms.js";

export function prepareRecipes(root) {
  for (const part of root.querySelectorAll("[data-recipe-fields]")) {
    const text = part.closest("form").querySelector(`[name="${part.dataset.recipeFields}"]`);
    part.addEventListener("input", (event) => writeField(event.target, text));
    text.addEventListener("input", () => showRecipe(part, text));
    text.form.addEventListener("input", (event) => {
      if (event.target.closest("#target, [data-more-target]")) followTarget(part, text);
      else showOutputNote(part, text);
    });
    followTarget(part, text);
  }
  for (const input of root.querySelectorAll("input[data-recipe]")) {
    input.addEventListener("change", () => readRecipe(input));
  }
}

// The hidden layers of a text area's JSON, by the area: those that the field of units shortens come
// back with their L2 and initializers once it is typed anew.
const hiddenLayers = new WeakMap();

// What the output layer and the loss were made by the target, by a text area: as long as they are
// that, nobody has touched them.
const followed = new WeakMap();

const NUMBERS = { activation: "linear", loss: "mean_squared_error", encode_labels: false };

// The output that fits: a unit for each target, or for each class of the only one. Of several targets
// none is of many classes: those are numbers there.
function fitOutput(form) {
  const shown = form.querySelector("[data-fit]");
  const { length } = listTargets(form);
  const fit = shown && JSON.parse(shown.dataset.fit);
  if (!fit || length < 2) return fit;
  return { ...fit, ...(fit.activation === "softmax" && NUMBERS), units: length };
}

function readOutput(recipe) {
  const { units, activation = "linear" } = recipe.layers?.[recipe.layers.length - 1] ?? {};
  return { units, activation, loss: recipe.loss, encode_labels: recipe.encode_labels ?? false };
}

const isSame = (one, other) => Object.keys(one).every((name) => one[name] === other[name]);

function followTarget(part, text) {
  const [recipe, fit] = [parseRecipe(text), fitOutput(text.form)];
  const last = followed.get(text) ?? readOutput(JSON.parse(text.defaultValue));
  if ("follows" in text.dataset && recipe && fit && isSame(last, readOutput(recipe))) {
    const output = recipe.layers[recipe.layers.length - 1];
    output.units = fit.units;
    setOrDelete(output, "activation", fit.activation === "linear" ? undefined : fit.activation);
    recipe.loss = fit.loss;
    setOrDelete(recipe, "encode_labels", fit.encode_labels || undefined);
    followed.set(text, fit);
    text.value = JSON.stringify(recipe, null, 2);
  }
  showRecipe(part, text);
}

function showOutputNote(part, text) {
  const [recipe, fit] = [parseRecipe(text), fitOutput(text.form)];
  const note = part.querySelector("[data-output-note]");
  const units = recipe && readOutput(recipe).units;
  // Two classes are one sigmoid or a softmax of two.
  const isPair = fit?.units === 1 && fit.activation === "sigmoid" && units === 2;
  note.hidden = !recipe || !fit || units === fit.units || isPair;
  const what = listTargets(text.form).length > 1 ? "targets" : "classes";
  note.textContent =
    fit?.units > 1 ? `${fit.units} ${what} take ${fit.units} units, one for each.` : "One target takes one unit.";
}

// Put a field into the JSON; whatever else stands there stays. A text that is no JSON is left alone.
function writeField(field, text) {
  const recipe = parseRecipe(text);
  if (!recipe) return;
  const [owner, name] = field.dataset.path.split(".");
  const value = readField(field);
  const isWrong = !isReadable(field, value);
  markField(field, isWrong);
  if (isWrong) return;
  const layers = recipe.layers?.length ? recipe.layers : [{ units: 1 }];
  const hidden = layers.slice(0, -1);
  const output = layers[layers.length - 1];
  if (owner === "hidden" && name === "units") {
    const known = [...hidden, ...(hiddenLayers.get(text) ?? []).slice(hidden.length)];
    const like = known[known.length - 1] ?? { activation: "relu" };
    hiddenLayers.set(text, known);
    recipe.layers = [...value.map((units, i) => ({ ...(known[i] ?? like), units })), output];
  } else if (owner === "hidden") {
    for (const layer of [...hidden, ...(hiddenLayers.get(text) ?? [])]) setOrDelete(layer, name, value);
  } else if (owner === "output") {
    setOrDelete(output, name, value);
    recipe.layers = layers;
  } else if (name === undefined) {
    setOrDelete(recipe, owner, value);
  } else {
    recipe[owner] = { ...recipe[owner] };
    setOrDelete(recipe[owner], name, value);
    // Early stopping without a patience is none.
    if (owner === "early_stopping" && value === undefined) delete recipe.early_stopping;
  }
  text.value = JSON.stringify(recipe, null, 2);
}

function readField(field) {
  if (field.dataset.path === "hidden.units") {
    return field.value.split(/[,;\s]+/).filter(Boolean).map(Number);
  }
  if (field.value === "") return undefined;
  return field.type === "number" ? Number(field.value) : field.value;
}

function isReadable(field, value) {
  if (field.dataset.path !== "hidden.units") return !field.validity.badInput;
  return value.every((units) => Number.isInteger(units) && units > 0);
}

// What is wrong stays out of the JSON, and the form is not sent with it.
function markField(field, isWrong) {
  if (isWrong) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
  if (field.dataset.path === "hidden.units") {
    field.setCustomValidity(isWrong ? "Write whole numbers with commas, such as 64, 32." : "");
  }
}

function setOrDelete(part, name, value) {
  if (value === undefined) delete part[name];
  else part[name] = value;
}

// Show in the fields what the JSON says.
function showRecipe(part, text) {
  const recipe = parseRecipe(text);
  if (!recipe) return;
  const layers = Array.isArray(recipe.layers) ? recipe.layers : [];
  const hidden = layers.slice(0, -1);
  hiddenLayers.set(text, hidden);
  for (const field of part.querySelectorAll("[data-path]")) {
    if (field === document.activeElement) continue;
    markField(field, false);
    const [owner, name] = field.dataset.path.split(".");
    if (owner === "hidden" && name === "units") {
      field.value = hidden.map((layer) => layer.units).join(", ");
    } else if (owner === "hidden") {
      const values = new Set(hidden.map((layer) => layer[name] ?? ""));
      field.value = values.size === 1 ? [...values][0] : "";
    } else if (owner === "output") {
      field.value = layers[layers.length - 1]?.[name] ?? "";
    } else {
      field.value = (name === undefined ? recipe[owner] : recipe[owner]?.[name]) ?? "";
    }
  }
  showOutputNote(part, text);
}

// Return the object that a text area has; null where it is no JSON of one.
function parseRecipe(text) {
  try {
    const recipe = JSON.parse(text.value);
    if (typeof recipe !== "object" || Array.isArray(recipe) || !recipe) return null;
    if (typeof recipe.optimizer === "string") recipe.optimizer = { name: recipe.optimizer };
    return recipe;
  } catch {
    return null;
  }
}

async function readRecipe(input) {
  const form = input.form;
  clearProblems(form);
  if (!input.files.length) return;
  const answer = await call(form, "/v1/recipes", { method: "POST", body: input.files[0] });
  if (answer === undefined) return;
  form.querySelector(`[name="${input.dataset.recipe}"]`).value = JSON.stringify(answer.recipe, null, 2);
  form.querySelectorAll("[data-recipe-fields]").forEach((part) => {
    showRecipe(part, form.querySelector(`[name="${input.dataset.recipe}"]`));
  });
  const notes = form.querySelector(".notes");
  notes.replaceChildren(
    ...answer.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })),
  );
}
