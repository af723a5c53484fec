// Predictions: of the fields of a form, as one types or once it is sent, and of a file.

import { call, clearProblems, dataOf } from "./forms.js";

const TYPING_MS = 300;
const MAX_SHARES = 5;

export function preparePredictions(root) {
  for (const form of root.querySelectorAll("form[data-predict]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      predict(form);
    });
    predictAsTyped(form);
  }
  for (const form of root.querySelectorAll("form[data-predict-file]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      predictFile(form);
    });
  }
}

async function predict(form) {
  clearProblems(form);
  showPrediction(form, await call(form, dataOf(form).predict, askForRow(form)));
}

// What is wrong is told once somebody asks: half a number is no mistake.
function predictAsTyped(form) {
  let timer;
  let asked = 0;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    asked += 1;
    const number = asked;
    timer = setTimeout(async () => {
      if (!form.matches(":valid")) {
        // The last prediction is not of what stands there now.
        showPrediction(form, undefined);
        return;
      }
      const response = await fetch(dataOf(form).predict, askForRow(form)).catch(() => null);
      const answer = response?.ok ? await response.json() : undefined;
      // An answer that comes late is of what was typed before.
      if (number !== asked) return;
      if (answer) clearProblems(form);
      showPrediction(form, answer);
    }, TYPING_MS);
  });
}

function askForRow(form) {
  const row = {};
  for (const input of form.querySelectorAll("[data-column]")) {
    const isNumber = "number" in input.dataset && input.value !== "" && !isNaN(Number(input.value));
    row[input.dataset.column] = input.value === "" ? null : isNumber ? Number(input.value) : input.value;
  }
  return {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ rows: [row] }),
  };
}

function showPrediction(form, answer) {
  const told = answer?.warnings ?? [];
  const known = new Set(told.map((warning) => warning.column));
  const unseen = answer ? listUnseen(form, known) : [];
  const warnings = [...told.map((warning) => warning.detail), ...unseen].join(". ");
  const output = form.querySelector("output");
  output.textContent = answer === undefined ? "" : describePrediction(answer);
  if (warnings) output.append(Object.assign(document.createElement("p"), { className: "quiet", textContent: `${warnings}.` }));
}

// What the table never had: of that a model only guesses.
function listUnseen(form, known) {
  const numbers = [...form.querySelectorAll("[data-least]")].filter((input) => input.value !== "");
  return numbers
    .filter((input) => !known.has(input.dataset.column))
    .map(describeUnseen)
    .filter(Boolean);
}

function describeUnseen({ value, dataset: { column, least, most } }) {
  if (isNaN(Number(value)) || (Number(value) >= Number(least) && Number(value) <= Number(most))) return "";
  return `${column}: ${value} lies outside of what the table has, ${Number(least)} to ${Number(most)}`;
}

function describePrediction(answer) {
  const [value] = answer.predictions;
  const text = typeof value === "number" ? value.toLocaleString("en", { maximumSignificantDigits: 6 }) : String(value);
  const shares = (answer.probabilities?.[0] ?? []).map((share, i) => [share, answer.labels[i]]);
  const likeliest = shares.sort(([a], [b]) => b - a).slice(0, MAX_SHARES);
  const listed = likeliest.map(([share, label]) => `${label} ${(100 * share).toFixed(1)} %`).join(", ");
  return `${answer.target}: ${text}${listed && ` (${listed})`}`;
}

async function predictFile(form) {
  clearProblems(form);
  const file = form.querySelector('input[type="file"]').files[0];
  form.querySelector(".download").replaceChildren();
  const answer = await call(form, dataOf(form).predictFile, {
    method: "POST",
    headers: { "Content-Type": "text/csv" },
    body: file,
  });
  if (answer === undefined) return;
  const lines = [[answer.target, ...(answer.probabilities ? answer.labels : [])]];
  answer.predictions.forEach((value, i) => lines.push([value, ...(answer.probabilities?.[i] ?? [])]));
  const blob = new Blob([lines.map((cells) => cells.map(quoteCell).join(",")).join("\n") + "\n"]);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = "predictions.csv";
  link.textContent = `predictions.csv, ${answer.predictions.length} rows`;
  form.querySelector(".download").replaceChildren(link);
}

// A cell that a spreadsheet shows as it is: none is a formula.
function quoteCell(value) {
  const text = String(value ?? "");
  const isFormula = /^[=+\-@]/.test(text) && isNaN(Number(text));
  return `"${(isFormula ? `'${text}` : text).replaceAll('"', '""')}"`;
}
