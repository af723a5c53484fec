// What every page does: live parts, forms that talk to the API, charts that answer the pointer.

import { brushParallels, reachWide, showTips } from "./charts.js";
import { prepareForms } from "./forms.js";
import { keepLive } from "./live.js";
import { preparePredictions } from "./predictions.js";
import { prepareRecipes } from "./recipes.js";
import { prepareUploads } from "./uploads.js";

function showLocalTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.title = time.textContent;
    time.textContent = new Date(time.dateTime).toLocaleString([], {
      dateStyle: "medium",
      timeStyle: "short",
    });
  }
}

// A switch answers the space bar; these are links, which answer Enter alone.
function pressSwitches() {
  document.addEventListener("keydown", (event) => {
    if (event.key !== " " || !event.target.matches('a[role="switch"]')) return;
    event.preventDefault();
    event.target.click();
  });
}

// A list shows what is chosen; the button is for who types a name, or has no scripts. On some
// platforms each arrow key changes a select: what it ends at counts, at Enter or once it is left.
function filterAtOnce() {
  let lastKey = "";
  let shown = "";
  const submit = (select) => {
    shown = select.value;
    select.form.requestSubmit();
  };
  const listen = (kind, answer) => {
    document.addEventListener(kind, (event) => {
      if (event.target.matches(".filters select")) answer(event.target);
    });
  };
  document.addEventListener("pointerdown", () => {
    lastKey = "";
  });
  document.addEventListener("keydown", (event) => {
    lastKey = event.key;
  });
  listen("focusin", (select) => {
    shown = select.value;
  });
  listen("change", (select) => {
    if (["", "Enter"].includes(lastKey)) submit(select);
  });
  listen("keydown", (select) => {
    if (lastKey === "Enter" && select.value !== shown) submit(select);
  });
  listen("focusout", (select) => {
    if (select.value !== shown) submit(select);
  });
}

// A comparison takes two.
function countTicks(root) {
  for (const button of root.querySelectorAll("button[data-needs]")) {
    const count = () => {
      const ticked = button.form.querySelectorAll("input:checked").length;
      button.disabled = ticked < Number(button.dataset.needs);
    };
    button.form.addEventListener("change", count);
    count();
  }
}

function prepare(root) {
  countTicks(root);
  showLocalTimes(root);
  brushParallels(root);
  reachWide();
  prepareForms(root);
  preparePredictions(root);
  prepareRecipes(root);
}

prepare(document);
prepareUploads();
showTips();
pressSwitches();
filterAtOnce();
keepLive(prepare);
