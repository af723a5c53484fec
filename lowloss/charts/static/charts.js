// Charts: what a mark is about is shown beside the pointer, and axes are brushed.

export function showTips() {
  const tip = Object.assign(document.createElement("div"), { id: "tip", hidden: true });
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  const show = (mark, x, y) => {
    tip.textContent = mark.dataset.tip ?? mark.getAttribute("aria-label");
    tip.hidden = false;
    tip.style.left = `${Math.min(x + 12, innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${Math.min(y + 14, innerHeight - tip.offsetHeight - 8)}px`;
  };
  const markOf = (event) => event.target.closest?.("[data-tip], .chart a");
  document.addEventListener("pointerover", (event) => {
    const mark = markOf(event);
    if (mark) show(mark, event.clientX, event.clientY);
    else tip.hidden = true;
  });
}

// Drawing along an axis of parallel coordinates leaves the lines that pass there; a click resets it.
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
  }
}

function brush(chart, area, ranges, apply) {
  const axis = Number(area.dataset.axis);
  const shown = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  const heightOf = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY);
    return point.matrixTransform(chart.getScreenCTM().inverse()).y;
  };
  let begin = null;
  area.addEventListener("pointerdown", (event) => {
    begin = heightOf(event);
    area.setPointerCapture(event.pointerId);
  });
  area.addEventListener("pointermove", (event) => {
    if (begin === null) return;
    const [low, high] = [begin, heightOf(event)].sort((a, b) => a - b);
    for (const name of ["x", "width"]) shown.setAttribute(name, area.getAttribute(name));
    shown.setAttribute("class", "chosen");
    shown.setAttribute("y", low);
    shown.setAttribute("height", Math.max(1, high - low));
    area.after(shown);
    ranges.set(axis, [low, high]);
    apply();
  });
  area.addEventListener("pointerup", (event) => {
    if (begin !== null && Math.abs(heightOf(event) - begin) < 3) {
      ranges.delete(axis);
      shown.remove();
      apply();
    }
    begin = null;
  });
}
