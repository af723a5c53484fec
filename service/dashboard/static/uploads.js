// Uploads of tables: dropped or chosen, with their progress.

import { showProblem, signIn } from "./forms.js";

export function prepareUploads() {
  for (const form of document.querySelectorAll("form[data-upload]")) {
    const input = form.querySelector('input[type="file"]');
    input.addEventListener("change", () => input.files.length && upload(form, input.files[0]));
    form.addEventListener("submit", (event) => event.preventDefault());
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

function upload(form, file) {
  const progress = form.querySelector("progress");
  const alert = form.querySelector('[role="alert"]');
  // `fetch` does not tell how much was sent.
  const request = new XMLHttpRequest();
  alert.textContent = "";
  progress.hidden = false;
  request.upload.addEventListener("progress", (event) => {
    // The last part is the server's reading.
    progress.value = (0.9 * event.loaded) / event.total;
  });
  request.addEventListener("load", () => {
    progress.hidden = true;
    if (request.status === 401) {
      signIn();
      return;
    }
    const answer = parse(request.responseText);
    if (request.status >= 200 && request.status < 300 && answer) {
      location.href = form.dataset.next.replace("{id}", encodeURIComponent(answer.id));
    } else {
      showProblem(form, answer ?? { detail: `the server answered ${request.status}` });
    }
  });
  request.addEventListener("error", () => {
    progress.hidden = true;
    showProblem(form, { detail: "the upload broke off", fix: "try again" });
  });
  request.open("POST", `/v1/datasets?name=${encodeURIComponent(file.name.slice(0, 200))}`);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.send(file);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
