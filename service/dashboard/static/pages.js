// What every page does: live parts, forms that talk to the API, charts that answer the pointer.

import { brushParallels, showTips } from "./charts.js";
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

function prepare(root) {
  showLocalTimes(root);
  brushParallels(root);
  prepareForms(root);
  preparePredictions(root);
  prepareRecipes(root);
}

prepare(document);
prepareUploads();
showTips();
keepLive(prepare);
