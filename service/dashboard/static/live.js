// Live pages: when something happened, the page is fetched again and its changed parts are swapped.

const LEAST_MS = 1500;
// A page takes at most this share of the server's time, however long it takes to make.
const SHARE = 0.01;

export function keepLive(prepare) {
  const main = document.querySelector("main");
  const refresher = new Refresher(prepare);
  if (main.dataset.events) {
    followEvents(main.dataset.events, main.dataset.kinds.split(" "), refresher);
  } else if (main.dataset.poll) {
    setInterval(() => document.hidden || refresher.request(), 1000 * Number(main.dataset.poll));
  }
  document.addEventListener("lowloss:changed", () => refresher.request({ isUrgent: true }));
}

// A hidden page holds no connection: a browser has six for all pages of a server.
function followEvents(address, kinds, refresher) {
  let source = null;
  const open = () => {
    source = new EventSource(address);
    for (const kind of kinds) {
      source.addEventListener(kind, () => refresher.request());
    }
    source.addEventListener("job.finished", close);
  };
  const close = () => {
    source?.close();
    source = null;
  };
  document.addEventListener("visibilitychange", () => {
    close();
    if (!document.hidden) {
      open();
      refresher.request({ isUrgent: true });
    }
  });
  window.addEventListener("pagehide", close);
  open();
}

class Refresher {
  constructor(prepare) {
    this.prepare = prepare;
    this.isWaiting = false;
    this.isStale = false;
    this.pause = LEAST_MS;
  }

  // However many events come, there is one request at a time, and a pause between two. What comes
  // while the page is fetched, or what could not be shown, asks for another one.
  request({ isUrgent = false } = {}) {
    if (this.isWaiting || document.hidden) {
      this.isStale = true;
      return;
    }
    this.isWaiting = true;
    setTimeout(() => this.run(), isUrgent ? 0 : this.pause);
  }

  async run() {
    const begin = performance.now();
    this.isStale = false;
    try {
      await this.refresh();
    } catch {
      this.isStale = true;
    }
    this.pause = Math.max(LEAST_MS, (performance.now() - begin) / SHARE);
    this.isWaiting = false;
    if (this.isStale) this.request();
  }

  async refresh() {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.redirected) location.href = response.url;
    if (!response.ok || response.redirected) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const successor = page.getElementById(part.id);
      if (successor) this.swap(part, successor);
    }
  }

  swap(part, successor) {
    const html = successor.innerHTML;
    // What somebody writes in, or points at, stays until the next time.
    if (html === part.lastHtml) return;
    if (isInUse(part)) {
      this.isStale = true;
      return;
    }
    if (part.lastHtml === undefined && html === part.innerHTML) return;
    part.lastHtml = html;
    const open = [...part.querySelectorAll("details")].map((details) => details.open);
    const scrolls = [...part.querySelectorAll(".wide")].map((wide) => wide.scrollLeft);
    const focus = indexOfFocus(part);
    part.replaceChildren(...successor.childNodes);
    part.querySelectorAll("details").forEach((details, i) => (details.open = open[i] ?? details.open));
    part.querySelectorAll(".wide").forEach((wide, i) => (wide.scrollLeft = scrolls[i] ?? 0));
    this.prepare(part);
    if (focus >= 0) focusables(part)[focus]?.focus();
  }
}

function isInUse(part) {
  const active = document.activeElement;
  const isWriting = part.contains(active) && active.matches("input, select, textarea");
  const isFilled = [...part.querySelectorAll("input")].some(
    (input) => input.checked !== input.defaultChecked || input.value !== input.defaultValue,
  );
  return isWriting || isFilled || part.querySelector(".chart:hover, [data-busy]") !== null;
}

function focusables(part) {
  return [...part.querySelectorAll("a, button, summary")];
}

function indexOfFocus(part) {
  return focusables(part).indexOf(document.activeElement);
}
