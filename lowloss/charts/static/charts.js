// Charts: what a mark is about is shown beside the pointer, and axes are brushed.

// Arrow keys move a range of an axis by its height over so many.
const STEPS = 20;

// How far from a point a finger may be, in pixels.
const REACH = 22;

export function showTips() {
  const tip = Object.assign(document.createElement("div"), { id: "tip", hidden: true });
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  // The mark that a finger chose: a second tap opens it.
  let chosen = null;
  const show = (mark, x, y, more = "") => {
    tip.textContent = (mark.dataset.tip ?? mark.getAttribute("aria-label")) + more;
    tip.hidden = false;
    tip.style.left = `${Math.min(x + 12, innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${Math.min(y + 14, innerHeight - tip.offsetHeight - 8)}px`;
  };
  const hide = () => {
    tip.hidden = true;
    chosen = null;
  };
  const markOf = (event) => event.target.closest?.("[data-tip], .chart a");
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const mark = markOf(event);
    if (mark) show(mark, event.clientX, event.clientY);
    else hide();
  });
  document.addEventListener("click", (event) => {
    if (event.pointerType !== "touch") return;
    const mark = markOf(event) ?? findNearest(event);
    if (!mark) {
      hide();
    } else if (mark !== chosen) {
      event.preventDefault();
      chosen = mark;
      show(mark, event.clientX, event.clientY, mark.matches("a") ? ": tap again to open it" : "");
    } else if (mark.matches("a") && !mark.contains(event.target)) {
      location.href = mark.getAttribute("href");
    }
  });
  // What is under a finger moves on, and no pointer says so.
  document.addEventListener("scroll", hide, { capture: true, passive: true });
  reachWide();
  addEventListener("resize", reachWide);
  document.addEventListener("toggle", reachWide, { capture: true });
}

// The keyboard scrolls what is wider than the screen, where nothing in it takes the focus anyway.
export function reachWide() {
  for (const wide of document.querySelectorAll(".wide")) {
    const isReached = wide.querySelector("a[href]:not([tabindex]), button, input, [tabindex='0']");
    if (wide.scrollWidth > wide.clientWidth && !isReached) wide.tabIndex = 0;
    else wide.removeAttribute("tabindex");
  }
}

// Points are smaller than a finger.
function findNearest(event) {
  const chart = event.target.closest?.(".chart");
  let [nearest, least] = [null, REACH];
  for (const point of chart?.querySelectorAll("[data-tip].point, a > .point") ?? []) {
    const { left, right, top, bottom } = point.getBoundingClientRect();
    const distance = Math.hypot((left + right) / 2 - event.clientX, (top + bottom) / 2 - event.clientY);
    if (distance < least) [nearest, least] = [point, distance];
  }
  return nearest?.closest("[data-tip], a") ?? null;
}

// A range of an axis of parallel coordinates leaves the lines that pass there. It is drawn along the
// axis, and a click resets it; or the arrow keys move it, with Shift its upper end, and Escape resets.
export function brushParallels(root) {
  for (const chart of root.querySelectorAll(".chart.parallel")) {
    const ranges = new Map();
    const threads = [...chart.querySelectorAll(".thread")].map((thread) => ({
      thread,
      ys: thread.dataset.ys.split(" ").map(Number),
    }));
    const apply = () => {
      for (const { thread, ys } of threads) {
        const passes = [...ranges].every(([axis, [low, high]]) => ys[axis] >= low && ys[axis] <= high);
        thread.classList.toggle("dim", !passes);
      }
    };
    for (const area of chart.querySelectorAll(".brush")) brush(chart, area, ranges, apply);
    // A picture has no parts that the keyboard reaches.
    chart.setAttribute("role", "group");
  }
}

function brush(chart, area, ranges, apply) {
  const axis = Number(area.dataset.axis);
  const shown = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  const heightOf = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY);
    return point.matrixTransform(chart.getScreenCTM().inverse()).y;
  };
  const name = area.dataset.name;
  const top = Number(area.getAttribute("y"));
  const height = Number(area.getAttribute("height"));
  const describe = (range) => {
    const shares = range?.map((y) => Math.round((100 * (top + height - y)) / height));
    area.setAttribute("aria-label", shares ? `${name}: from ${shares[1]} to ${shares[0]} % of the axis` : `${name}: all`);
  };
  const choose = (low, high) => {
    for (const side of ["x", "width"]) shown.setAttribute(side, area.getAttribute(side));
    shown.setAttribute("class", "chosen");
    shown.setAttribute("y", low);
    shown.setAttribute("height", Math.max(1, high - low));
    area.after(shown);
    ranges.set(axis, [low, high]);
    describe([low, high]);
    apply();
  };
  const reset = () => {
    ranges.delete(axis);
    shown.remove();
    describe();
    apply();
  };
  area.setAttribute("tabindex", "0");
  area.setAttribute("role", "button");
  describe();
  area.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.key === "Escape") reset();
    if (!steps) return;
    event.preventDefault();
    const move = (steps * height) / STEPS;
    const range = ranges.get(axis);
    // The first arrow chooses the quarter at that end.
    if (!range) return choose(...(steps < 0 ? [top, top + height / 4] : [top + (3 * height) / 4, top + height]));
    const [low, high] = range;
    const [first, last] = event.shiftKey ? [low + move, high] : [low + move, high + move];
    if (first >= top - 0.1 && last <= top + height + 0.1 && first < last) choose(first, last);
  });
  // A finger that draws here does not scroll: Chromium 156 heeds no touch-action within a picture.
  area.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  let begin = null;
  area.addEventListener("pointerdown", (event) => {
    begin = heightOf(event);
    area.setPointerCapture(event.pointerId);
  });
  area.addEventListener("pointermove", (event) => {
    if (begin === null) return;
    const [low, high] = [begin, heightOf(event)].sort((a, b) => a - b);
    choose(low, high);
  });
  area.addEventListener("pointerup", (event) => {
    if (begin !== null && Math.abs(heightOf(event) - begin) < 3) reset();
    begin = null;
  });
  area.addEventListener("pointercancel", () => (begin = null));
}
