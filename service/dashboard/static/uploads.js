// Uploads of tables: dropped or chosen, with their progress.

import { clearProblems, readQuery, showProblem, signIn } from "./forms.js";

const WORKBOOK = /\.(xlsx|xlsm|ods)$/i;
// The server could not read the table: another reading may.
const UNREADABLE = 422;

export function prepareUploads() {
  for (const form of document.querySelectorAll("form[data-upload]")) {
    const input = form.querySelector('input[type="file"]');
    input.addEventListener("change", () => {
      forgetReading(form);
      if (input.files.length) upload(form, input.files[0]);
    });
    // The browser still has the file that was refused.
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (input.files.length) upload(form, input.files[0]);
    });
  }
  for (const area of document.querySelectorAll(".drop")) {
    const input = area.querySelector("input");
    area.addEventListener("dragover", (event) => {
      event.preventDefault();
      area.classList.add("over");
    });
    area.addEventListener("dragleave", () => area.classList.remove("over"));
    area.addEventListener("drop", (event) => {
      event.preventDefault();
      area.classList.remove("over");
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change"));
    });
  }
}

// The options are of the file before.
function forgetReading(form) {
  form.querySelector("[data-refused]").hidden = true;
  for (const field of form.querySelectorAll("[data-reading] [name]")) {
    if (field.matches("select")) field.selectedIndex = 0;
    else field.value = "";
  }
}

function offerReading(form, file) {
  const kind = WORKBOOK.test(file.name) ? "workbook" : "text";
  for (const part of form.querySelectorAll("[data-of]")) part.hidden = part.dataset.of !== kind;
  form.querySelector("[data-refused]").hidden = false;
}

function upload(form, file) {
  const progress = form.querySelector("progress");
  // `fetch` does not tell how much was sent.
  const request = new XMLHttpRequest();
  clearProblems(form);
  const options = readQuery(form);
  setBusy(form, true);
  progress.hidden = false;
  request.upload.addEventListener("progress", (event) => {
    // The last part is the server's reading.
    progress.value = (0.9 * event.loaded) / event.total;
  });
  request.addEventListener("load", () => {
    progress.hidden = true;
    setBusy(form, false);
    if (request.status === 401) {
      signIn();
      return;
    }
    const answer = parse(request.responseText);
    if (request.status >= 200 && request.status < 300 && answer) {
      location.href = form.dataset.next.replace("{id}", encodeURIComponent(answer.id));
    } else {
      if (request.status === UNREADABLE) offerReading(form, file);
      showProblem(form, answer ?? { detail: `the server answered ${request.status}` });
    }
  });
  request.addEventListener("error", () => {
    progress.hidden = true;
    setBusy(form, false);
    showProblem(form, { detail: "the upload broke off", fix: "try again" });
  });
  options.set("name", file.name.slice(0, 200));
  request.open("POST", `/v1/datasets?${options}`);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.send(file);
}

function setBusy(form, isBusy) {
  for (const button of form.querySelectorAll("button")) button.disabled = isBusy;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
