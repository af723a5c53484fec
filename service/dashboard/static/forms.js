// Forms that talk to the API: their fields become its JSON or query, its problems stand at fields.

import { formatDuration } from "./durations.js";

// A field named `dataset` hides its form's property of that name.
const { get: getDataset } = Object.getOwnPropertyDescriptor(HTMLElement.prototype, "dataset");
export const dataOf = (form) => getDataset.call(form);

export function prepareForms(root) {
  for (const form of root.querySelectorAll("form[data-action]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit(form);
    });
    // The browser can only point at a field that is open.
    form.addEventListener("invalid", (event) => openAround(event.target), true);
  }
  for (const select of root.querySelectorAll("select[data-go]")) {
    select.addEventListener("change", () => {
      if (select.value) showTarget(select.dataset.go + encodeURIComponent(select.value));
    });
  }
  for (const link of root.querySelectorAll("[data-opens]")) {
    link.addEventListener("click", (event) => openReading(event, link.dataset));
  }
  for (const button of root.querySelectorAll("[data-another-kind]")) {
    button.addEventListener("click", () => addKind(button));
  }
  for (const form of root.querySelectorAll("#job")) {
    const show = () => {
      showEquivalents(form);
      showTime(form);
    };
    form.addEventListener("input", show);
    show();
  }
}

// A warning leads to the field by which the table is read otherwise.
function openReading(event, { opens, column }) {
  const panel = document.getElementById("reading");
  const rows = panel?.querySelectorAll("[data-kind-column]") ?? [];
  const field = panel?.querySelector(`[name="${opens}"]`) ?? rows[rows.length - 1];
  if (!field) return;
  event.preventDefault();
  panel.open = true;
  if (field.matches("[data-kind-column]") && column) field.value = column;
  field.focus();
}

function addKind(button) {
  const rows = button.closest("[data-kinds]").querySelectorAll("[data-kind]");
  const row = rows[rows.length - 1].cloneNode(true);
  row.querySelector("[data-kind-column]").value = "";
  rows[rows.length - 1].after(row);
  row.querySelector("select").focus();
}

// What depends on the target is fetched anew; what was typed into the rest of the form stays.
async function showTarget(address) {
  const response = await fetch(address, { headers: { Accept: "text/html" } });
  if (!response.ok || response.redirected) {
    location.href = address;
    return;
  }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of document.querySelectorAll("[data-part]")) {
    const successor = page.getElementById(part.id);
    if (successor) replacePart(part, successor);
  }
  history.replaceState(null, "", address);
}

// Options that are moved out of a select change what both selects have chosen: these are parsed anew.
function replacePart(part, successor) {
  const choice = part instanceof HTMLSelectElement && isChanged(part) ? part.value : null;
  part.innerHTML = successor.innerHTML;
  if ([...(part.options ?? [])].some((option) => option.value === choice)) part.value = choice;
  part.dispatchEvent(new Event("input", { bubbles: true }));
}

async function submit(form) {
  if (dataOf(form).confirm && !window.confirm(dataOf(form).confirm)) return;
  clearProblems(form);
  let body;
  let address = dataOf(form).action;
  try {
    if (dataOf(form).body === "json") body = JSON.stringify(readFields(form));
    if (dataOf(form).body === "query") address += `?${readQuery(form)}`;
  } catch (error) {
    showProblem(form, { detail: error.message, field: error.field });
    return;
  }
  const answer = await call(form, address, {
    method: dataOf(form).method ?? "POST",
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body,
  });
  if (answer === undefined) return;
  if (dataOf(form).shows) {
    showSecret(form, answer[dataOf(form).shows]);
  } else if (dataOf(form).next) {
    location.href = dataOf(form).next.replace("{id}", encodeURIComponent(answer?.id ?? ""));
  } else {
    settle(form);
    document.dispatchEvent(new Event("lowloss:changed"));
  }
}

// A second click must not make a second one: the form is as it was, and the list has the first.
function showSecret(form, secret) {
  form.reset();
  const code = Object.assign(document.createElement("code"), { textContent: secret });
  code.dataset.secret = "";
  const copy = Object.assign(document.createElement("button"), { type: "button", textContent: "Copy" });
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(secret);
    copy.textContent = "Copied";
  });
  const parts = ["Copy it now, it is not shown again: ", code];
  // A browser has a clipboard for pages of this machine, or behind HTTPS.
  if (navigator.clipboard) parts.push(" ", copy);
  form.querySelector("output").replaceChildren(...parts);
  document.dispatchEvent(new Event("lowloss:changed"));
}

// What was asked for is under way: until the page shows it, nobody asks for it again, and the fields
// that were sent do not keep their part from being shown anew.
function settle(form) {
  for (const input of form.querySelectorAll("input")) input.defaultValue = input.value;
  const actions = form.closest(".actions");
  if (!actions || !dataOf(form).doing) return;
  for (const button of actions.querySelectorAll("button")) button.disabled = true;
  form.querySelector('[role="alert"]').textContent = dataOf(form).doing;
}

// Send a request; return its JSON (null without one), or undefined once its problem is shown.
export async function call(form, address, options) {
  dataOf(form).busy = "";
  for (const button of form.querySelectorAll("button")) button.disabled = true;
  try {
    const response = await fetch(address, options);
    if (response.status === 401) {
      signIn();
      return undefined;
    }
    const text = await response.text();
    const isJson = (response.headers.get("content-type") ?? "").includes("json");
    const content = isJson && text ? JSON.parse(text) : null;
    if (response.ok) return content;
    showProblem(form, content ?? { detail: `the server answered ${response.status}` });
  } catch {
    showProblem(form, { detail: "the server does not answer", fix: "try again soon" });
  } finally {
    delete dataOf(form).busy;
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  }
  return undefined;
}

// The session has ended.
export function signIn() {
  location.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
}

export function clearProblems(form) {
  for (const note of form.querySelectorAll(".field-error")) note.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  const alert = form.querySelector('[role="alert"]');
  if (alert) alert.textContent = "";
}

export function showProblem(form, problem) {
  const entries = problem.errors?.length ? problem.errors : [problem];
  const rest = [];
  for (const entry of entries) {
    const fix = entry.fix && useFormWords(form, entry.fix);
    const text = capitalize(fix ? `${entry.detail}. What to do: ${fix}` : entry.detail);
    const field = findField(form, entry.field);
    if (!field) {
      rest.push(entry.field && entry.field !== "body" ? `${entry.field}: ${text}` : text);
      continue;
    }
    field.setAttribute("aria-invalid", "true");
    const note = document.createElement("span");
    note.className = "field-error";
    note.textContent = `${text}.`;
    field.after(note);
    openAround(field);
    field.focus();
  }
  const alert = [...form.querySelectorAll('[role="alert"]')].pop();
  if (alert) alert.textContent = rest.length ? `${rest.join(" ")}.` : "";
}

// What the API calls the options of reading, in the labels of the form that has them.
function useFormWords(form, text) {
  const words = JSON.parse(form.querySelector("[data-words]")?.dataset.words ?? "{}");
  if (!Object.keys(words).length) return text;
  // The longest first; behind `date_format=` comes no letter.
  const names = Object.keys(words)
    .sort((one, other) => other.length - one.length)
    .map((name) => `\\b${name}${/\w$/.test(name) ? "\\b" : ""}`);
  return text.replace(new RegExp(names.join("|"), "g"), (name) => words[name]);
}

function openAround(field) {
  for (let part = field.closest("details"); part; part = part.parentElement.closest("details")) {
    part.open = true;
  }
}

function findField(form, name) {
  if (!name) return null;
  for (let path = name; path; path = path.slice(0, Math.max(0, path.lastIndexOf(".")))) {
    const escaped = CSS.escape(path);
    const field =
      form.querySelector(`[name="${escaped}"]`) ??
      form.querySelector(`[data-range="${escaped}"] input`) ??
      form.querySelector(`[data-choices="${escaped}"], [data-choice="${escaped}"]`);
    if (field && field.type !== "hidden") return field;
    if (!path.includes(".")) break;
  }
  return null;
}

// The fields that were changed, and those that are always sent, as an object by dotted names. Of a
// copied job all are sent, with those that the form does not have.
function readFields(form) {
  const fields = JSON.parse(dataOf(form).copied ?? "{}");
  const isWhole = "whole" in dataOf(form);
  const isSent = (input) => isWhole || isChanged(input);
  for (const input of form.querySelectorAll("[name]")) {
    if (isSent(input)) setPath(fields, input.name, readValue(input));
  }
  for (const set of form.querySelectorAll("[data-range]")) {
    if ([...set.querySelectorAll("[data-end]")].some(isSent)) readRange(set, fields);
  }
  for (const input of form.querySelectorAll("[data-choices]")) {
    if (isSent(input)) setPath(fields, input.dataset.choices, readChoices(input.value));
  }
  readTicks(form, fields, isSent);
  const targets = listTargets(form);
  if (targets.length > 1) fields.target = targets;
  const unticked = [...form.querySelectorAll("[data-exclude]:not(:checked, :disabled)")];
  if (unticked.length) {
    setPath(fields, "features.exclude", unticked.map((tick) => tick.dataset.exclude));
  }
  return fields;
}

function readTicks(form, fields, isSent) {
  const ticks = [...form.querySelectorAll("[data-choice]")];
  for (const name of new Set(ticks.map((tick) => tick.dataset.choice))) {
    const options = ticks.filter((tick) => tick.dataset.choice === name);
    const chosen = options.filter((tick) => tick.checked).map((tick) => tick.value);
    if (options.some(isSent)) {
      setPath(fields, name, chosen.length === 1 ? chosen[0] : { choices: chosen });
    }
  }
}

// The targets of a diagnosis; the one that was chosen is the first.
export function listTargets(form) {
  const target = form.querySelector('[name="target"]')?.value;
  const more = [...form.querySelectorAll("[data-more-target]:checked")];
  return target ? [...new Set([target, ...more.map((tick) => tick.dataset.moreTarget)])] : [];
}

function isChanged(input) {
  if ("always" in input.dataset) return true;
  if (input.type === "checkbox") return input.checked !== input.defaultChecked;
  if (input instanceof HTMLSelectElement) {
    const first = [...input.options].find((option) => option.defaultSelected) ?? input.options[0];
    return input.value !== first?.value;
  }
  return input.value !== input.defaultValue;
}

function readValue(input) {
  if (input.dataset.type === "json") {
    try {
      return JSON.parse(input.value);
    } catch (error) {
      throw Object.assign(new Error(`this is not JSON: ${error.message}`), { field: input.name });
    }
  }
  if (input.type === "datetime-local") return input.value ? new Date(input.value).toISOString() : null;
  if (input.type === "number") return input.value === "" ? null : Number(input.value);
  return input.value;
}

function readRange(set, fields) {
  const [low, high] = [...set.querySelectorAll("[data-end]")].map((input) => Number(input.value));
  if (low === high) {
    setPath(fields, set.dataset.range, low);
    return;
  }
  const { step, ...more } = JSON.parse(set.dataset.more);
  const range = { min: low, max: high, ...more };
  if (step && (high - low) % step === 0) range.step = step;
  setPath(fields, set.dataset.range, range);
}

function readChoices(text) {
  const values = text.split(/[,;\s]+/).filter(Boolean).map(Number);
  return values.length === 1 ? values[0] : { choices: values };
}

function setPath(fields, path, value) {
  const names = path.split(".");
  const last = names.pop();
  let part = fields;
  for (const name of names) part = part[name] ??= {};
  part[last] = value;
}

// The options of the last reading, with those that the form has.
export function readQuery(form) {
  const options = JSON.parse(dataOf(form).options ?? "{}");
  for (const input of form.querySelectorAll("[data-reading] [name]")) {
    // What a file of this kind does not have.
    if (input.closest("[data-of][hidden]")) continue;
    const value = input.name === "null_values" ? input.value.split("\n").filter(Boolean) : input.value;
    if (value.length) options[input.name] = value;
    else delete options[input.name];
  }
  const kinds = [...form.querySelectorAll("[data-kind]")].map((row) => [
    row.querySelector("[data-kind-column]").value,
    row.querySelector("[data-kind-value]").value,
  ]);
  const chosen = kinds.filter(([column]) => column);
  if (chosen.length) options.types = Object.fromEntries(chosen);
  else if (kinds.length) delete options.types;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) {
    if (Array.isArray(value)) value.forEach((entry) => query.append(name, entry));
    else query.set(name, typeof value === "object" ? JSON.stringify(value) : value);
  }
  return query;
}

function showEquivalents(form) {
  let json;
  try {
    json = JSON.stringify(readFields(form), null, 2);
  } catch {
    return;
  }
  const quoted = json.replaceAll("'", "'\\''");
  const server = location.origin;
  const hasLogin = document.querySelector('form[action="/logout"]') !== null;
  const header = hasLogin ? `-H "Authorization: Bearer $TOKEN" ` : "";
  const variables = hasLogin ? `LOWLOSS_TOKEN=$TOKEN ` : "";
  const token = hasLogin ? `, token=TOKEN` : "";
  const texts = {
    curl: `curl ${header}-H 'Content-Type: application/json' -d '${quoted}' ${server}/v1/jobs`,
    command: `cat > job.json <<'JSON'\n${json}\nJSON\n${variables}lowloss --url ${server} submit --spec job.json --watch`,
    python: `import json\n\nfrom lowloss import Client\n\nclient = Client(${JSON.stringify(server)}${token})\njob = client.submit(json.loads(r'''${json}'''))\nclient.wait(job.id)`,
  };
  for (const pre of form.querySelectorAll("[data-as]")) pre.textContent = texts[pre.dataset.as];
}

function showTime(form) {
  const secondsOf = (name) => Number(form.querySelector(`[name="budget.${name}"]`).value);
  const [search, diagnosis] = [secondsOf("max_seconds"), secondsOf("diagnosis_seconds")];
  const trials = form.querySelector('[name="budget.max_trials"]').value;
  const text = search
    ? `It trains for ${formatDuration(search + diagnosis)} at most`
    : `It trains for as long as ${trials} trials take, without a bound in seconds`;
  form.querySelector("[data-time]").textContent =
    `${text}, and less where another trial is not expected to gain anything. The start of its ` +
    "process and the export of the model come on top.";
}

function capitalize(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
