// Live pages: when something happened, the page is fetched again and its changed parts are swapped.

import { formatDuration } from "./durations.js";

const LEAST_MS = 1500;
// A page takes about this share of the server's time; but a job that runs is never shown more rarely
// than every nine seconds, however long a busy machine takes to make the page.
const SHARE = 0.01;
const MOST_MS = 9000;
// Events that come together are shown together.
const TOGETHER_MS = 200;

export function keepLive(prepare) {
  setInterval(tick, 1000);
  const main = document.querySelector("main");
  const refresher = new Refresher(prepare);
  if (main.dataset.events) {
    followEvents(main.dataset.events, main.dataset.kinds.split(" "), refresher);
  } else if (main.dataset.poll) {
    setInterval(() => document.hidden || refresher.request(), 1000 * Number(main.dataset.poll));
  }
  document.addEventListener("lowloss:changed", () => refresher.request({ isUrgent: true }));
}

// Seconds of a job that runs go on between two looks at the server, those that are left go down.
const shownAt = new WeakMap();

function tick() {
  for (const part of document.querySelectorAll("[data-seconds]")) {
    if (!shownAt.has(part)) shownAt.set(part, performance.now());
    const passed = (performance.now() - shownAt.get(part)) / 1000;
    const seconds = Number(part.dataset.seconds) + Number(part.dataset.direction) * passed;
    if (part.matches("progress")) part.value = Math.min(seconds, part.max);
    else part.textContent = formatDuration(Math.max(0, seconds));
  }
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
    this.timer = 0;
    this.isRunning = false;
    this.isStale = false;
    this.isUrgent = false;
    this.next = 0;
  }

  // However many events come, there is one request at a time, and a pause between two. What comes
  // while the page is fetched, or what could not be shown, asks for another one.
  // What the reader did himself does not wait for the pause to end.
  request({ isUrgent = false } = {}) {
    this.isUrgent ||= isUrgent;
    if (this.isRunning || document.hidden) {
      this.isStale = true;
      return;
    }
    if (this.timer && !this.isUrgent) return;
    clearTimeout(this.timer);
    const pause = Math.max(TOGETHER_MS, this.next - performance.now());
    this.timer = setTimeout(() => this.run(), this.isUrgent ? 0 : pause);
  }

  async run() {
    const begin = performance.now();
    this.timer = 0;
    this.isRunning = true;
    this.isStale = false;
    this.isUrgent = false;
    try {
      await this.refresh();
    } catch {
      this.isStale = true;
    }
    const end = performance.now();
    this.next = end + Math.min(MOST_MS, Math.max(LEAST_MS, (end - begin) / SHARE));
    this.isRunning = false;
    if (this.isStale) this.request();
  }

  async refresh() {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    // The first token ends the time without any: its secret stays in sight, and is not shown again.
    if (response.redirected && !document.querySelector("[data-secret]")) location.href = response.url;
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
    // From now on.
    tick();
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
