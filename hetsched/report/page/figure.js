"use strict";
/* A figure on the page: heading, summary, legend, the drawing with its tip and keys, and its data as a table. */

/* What the figures of a run share: the stretch of time that is shown (`to` is null while it is all of the run, also of a
one that goes on), the first lane of the Gantt, and the trial that is chosen. */
const view = { from: 0, to: null, lane: 0, trial: null, run: 0, end: 0 };

const figures = (() => {
  const { element, svg } = kit;
  const mounted = new Set();
  const ROWS = 1000;
  const drawn = {};
  let scheduled = false;
  let pixels = null; // device pixels a CSS pixel, while printing

  // ---- the stretch of time that is shown

  const range = () => [view.from, view.to ?? view.end];

  function show(from, to) {
    const least = Math.max(view.end * 1e-7, 1e-3);
    const span = Math.min(Math.max(to - from, least), view.end);
    const first = Math.min(Math.max(from, 0), view.end - span);
    view.from = first;
    view.to = span >= view.end ? null : first + span;
    redraw();
  }

  function zoom(factor, at) {
    const [from, to] = range();
    const around = at ?? (from + to) / 2;
    show(around - (around - from) * factor, around + (to - around) * factor);
  }

  function pan(share) {
    const [from, to] = range();
    show(from + share * (to - from), to + share * (to - from));
  }

  function redraw() {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      for (const one of mounted) one.paint();
    });
  }

  // ---- one figure

  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        const one = [...mounted].find((mine) => mine.node === entry.target);
        if (one) one.seen(entry.isIntersecting);
      }
    },
    { rootMargin: "300px" },
  );

  function mount(figure) {
    const one = { figure, inSight: true, dirty: true };
    const summary = element("p", { class: "summary" });
    const legend = element("ul", { class: "legend", "aria-hidden": "true" });
    const heading = element("h3");
    one.heard = element("p", { class: "heard", role: "status" });
    one.tip = element("div", { class: "tip", hidden: "" });
    one.node = element("figure", { id: figure.id }, heading, summary);
    if (figure.draw) {
      one.plot = figure.svg ? svg("svg", { role: "img" }) : element("canvas", { role: "img", tabindex: 0 });
      one.stage = element("div", { class: "stage" }, one.plot, one.tip);
      one.node.append(legend, one.stage, one.heard);
      if (figure.time) one.node.append(tools(one));
      if (figure.time || figure.move) one.plot.setAttribute("aria-description", keys(figure));
      if (!figure.svg) listen(one);
    }
    const more = element("details", { toggle: () => more.open && fillTable() }, element("summary", {}, "Data as a table"));
    const tableBox = element("div", { class: "scroll" });
    if (figure.table) one.node.append(figure.draw ? (more.append(tableBox), more) : tableBox);

    const fillTable = () => tableBox.replaceChildren(...table(one.figure.table));

    one.update = (newer) => {
      one.figure = newer;
      heading.textContent = newer.title;
      summary.textContent = newer.summary ?? "";
      one.plot?.setAttribute("aria-label", `${newer.title}. ${newer.summary ?? ""}`);
      legend.replaceChildren(...(newer.legend ?? []).map(entry));
      if (one.beyond) one.beyond.hidden = !newer.scroll;
      if (newer.table && (more.open || !newer.draw)) fillTable();
      one.dirty = true;
      one.paint();
    };
    one.recolour = () => {
      legend.replaceChildren(...(one.figure.legend ?? []).map(entry));
      one.dirty = true;
      one.paint();
    };
    one.paint = () => {
      if (!one.figure.draw || !one.node.isConnected) return;
      if (!one.inSight && pixels === null) one.dirty = true;
      else paint(one);
    };
    one.seen = (inSight) => {
      one.inSight = inSight;
      if (inSight && one.dirty) one.paint();
    };
    one.remove = () => {
      mounted.delete(one);
      seen.unobserve(one.node);
      one.node.remove();
    };
    mounted.add(one);
    seen.observe(one.node);
    return one;
  }

  function paint(one) {
    const began = performance.now();
    const { figure, plot } = one;
    const width = Math.max(one.stage.clientWidth || 0, 240);
    const height = typeof figure.height === "function" ? figure.height(width) : figure.height;
    const surface = { width, height, view, time: range(), canvas: plot };
    if (figure.svg) {
      plot.replaceChildren();
      plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
      surface.svg = plot;
    } else {
      const ratio = pixels ?? Math.min(window.devicePixelRatio || 1, 3);
      surface.pixels = ratio;
      resize(plot, Math.round(width * ratio), Math.round(height * ratio));
      plot.style.aspectRatio = `${width} / ${height}`;
      surface.context = plot.getContext("2d");
      surface.context.setTransform(ratio, 0, 0, ratio, 0, 0);
      surface.context.clearRect(0, 0, width, height);
    }
    figure.draw(surface);
    one.surface = surface;
    one.dirty = false;
    drawn[figure.id] = performance.now() - began;
  }

  function resize(canvas, width, height) {
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
  }

  function entry({ name, mark }) {
    const sample = element("canvas", { width: 52, height: 28 });
    const c = sample.getContext("2d");
    c.scale(2, 2);
    c.fillStyle = c.strokeStyle = mark.colour;
    c.lineWidth = 2;
    if (mark.draw) mark.draw(c);
    else if (mark.area) {
      c.fillStyle = kit.pattern(c, mark.colour, mark.hatch ?? "none", 2);
      c.fillRect(1, 1, 24, 12);
    } else {
      c.setLineDash(mark.dash ?? []);
      c.beginPath();
      c.moveTo(0, 7);
      c.lineTo(26, 7);
      c.stroke();
      c.setLineDash([]);
      if (mark.shape) kit.shape(c, mark.shape, 13, 7, 4);
    }
    return element("li", {}, sample, name);
  }

  const KEYS =
    "Drag or swipe to pan; pinch, Ctrl and wheel, or a double click to zoom. Keys: + − 0, Shift and arrows to pan";
  const STEPS = "arrows to go from one to the next, Enter to choose";

  const keys = (figure) => `${figure.time ? KEYS : "Keys"}${figure.move ? `, ${STEPS}` : ""}.`;

  function tools(one) {
    const button = (text, label, act) => element("button", { type: "button", "aria-label": label, title: label, click: act }, text);
    const find = element("input", { type: "search", placeholder: "trial", "aria-label": "Show one trial", size: 14, input: () => look() });
    const look = () => {
      view.trial = one.figure.look(find.value);
      redraw();
    };
    one.beyond = element(
      "span",
      {},
      button("↑", "Workers above", () => one.figure.scroll(-0.5)),
      button("↓", "Workers below", () => one.figure.scroll(0.5)),
    );
    return element(
      "div",
      { class: "tools" },
      button("−", "Zoom out", () => zoom(1.6)),
      button("+", "Zoom in", () => zoom(1 / 1.6)),
      button("←", "Earlier", () => pan(-0.5)),
      button("→", "Later", () => pan(0.5)),
      button("All", "Show all of the run", () => show(0, view.end)),
      one.beyond,
      ...(one.figure.look ? [find, element("span", { class: "hint" }, keys(one.figure))] : []),
    );
  }

  function table({ columns, rows, row }) {
    const shown = Math.min(rows, ROWS);
    const numeric = shown ? row(0).map((cell) => typeof cell === "number") : [];
    const cell = (name, text, i) => element(name, { class: numeric[i] ? "number" : null }, text);
    const line = (i) => element("tr", {}, row(i).map((one, j) => cell("td", one === null ? "" : kit.value(one), j)));
    const head = element("tr", {}, columns.map((name, i) => cell("th", name, i)));
    const note = rows > shown ? `The first ${kit.number(shown)} of ${kit.number(rows)} rows; the files have all.` : "";
    return [
      element("table", {}, element("thead", {}, head), element("tbody", {}, Array.from({ length: shown }, (_, i) => line(i)))),
      element("p", { class: "hint" }, note),
    ];
  }

  // ---- mouse, touch and keys

  function tell(one, found, x, y) {
    one.tip.hidden = !found;
    if (!found) return;
    one.tip.replaceChildren(...found.map((text) => element("p", {}, text)));
    const { width } = one.surface;
    const left = x > width / 2 ? x - one.tip.offsetWidth - 12 : x + 12;
    one.tip.style.left = `${Math.max(0, Math.min(left, width - one.tip.offsetWidth))}px`;
    one.tip.style.top = `${y + 12}px`;
  }

  function listen(one) {
    const { plot } = one;
    const pointers = new Map();
    const place = (event) => {
      const at = plot.getBoundingClientRect();
      return [event.clientX - at.left, event.clientY - at.top];
    };
    const timeAt = (x) => {
      const { box } = one.surface;
      const [from, to] = range();
      return from + ((x - box.left) / (box.right - box.left)) * (to - from);
    };
    let moved = 0;
    plot.addEventListener("pointerdown", (event) => {
      pointers.set(event.pointerId, place(event));
      plot.setPointerCapture(event.pointerId);
      moved = 0;
    });
    plot.addEventListener("pointermove", (event) => {
      const [x, y] = place(event);
      const before = pointers.get(event.pointerId);
      if (!before) return tell(one, one.figure.tip?.(x, y, one.surface), x, y);
      const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      moved += Math.abs(x - before[0]) + Math.abs(y - before[1]);
      if (one.figure.time && moved > 3) drag(one, before, [x, y], others[0], timeAt);
      pointers.set(event.pointerId, [x, y]);
      return undefined;
    });
    const release = (event) => {
      pointers.delete(event.pointerId);
      if (event.type !== "pointerup" || moved > 3) return;
      const [x, y] = place(event);
      one.figure.click?.(x, y, one.surface);
      tell(one, one.figure.tip?.(x, y, one.surface), x, y);
    };
    plot.addEventListener("pointerup", release);
    plot.addEventListener("pointercancel", release);
    plot.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && tell(one, null));
    plot.addEventListener("blur", () => tell(one, null));
    plot.addEventListener("keydown", (event) => press(one, event));
    if (!one.figure.time) return;
    plot.addEventListener("dblclick", (event) => zoom(event.shiftKey ? 2 : 0.5, timeAt(place(event)[0])));
    plot.addEventListener("wheel", (event) => turn(one, event, timeAt(place(event)[0])), { passive: false });
  }

  /* One pointer pans, two zoom around the one that rests. */
  function drag(one, [oldX, oldY], [x, y], other, timeAt) {
    tell(one, null);
    if (other) {
      const factor = Math.abs(oldX - other[0]) / Math.max(Math.abs(x - other[0]), 1);
      if (factor > 0) zoom(Math.min(Math.max(factor, 0.5), 2), timeAt(other[0]));
    } else {
      const shift = timeAt(oldX) - timeAt(x);
      const [from, to] = range();
      if (view.to !== null) show(from + shift, to + shift);
      one.figure.drag?.(y - oldY, one.surface);
    }
  }

  /* The wheel scrolls the page, but for a figure that has the focus. */
  function turn(one, event, at) {
    const meant = event.ctrlKey || event.metaKey || document.activeElement === one.plot;
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (!meant && !sideways) return;
    event.preventDefault();
    if (sideways) pan(event.deltaX / one.surface.width);
    else zoom(Math.exp(Math.max(-100, Math.min(100, event.deltaY)) * 0.004), at);
  }

  const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

  function press(one, event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { figure } = one;
    const arrow = ARROWS[event.key];
    const pans = { ArrowLeft: () => pan(-0.25), ArrowRight: () => pan(0.25) };
    const zooms = { "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: () => show(0, view.end) };
    const act = figure.time ? (zooms[event.key] ?? (event.shiftKey || !figure.move ? pans[event.key] : null)) : null;
    if (act) act();
    else if (event.key === "Escape") {
      tell(one, null);
      figure.escape?.();
      redraw();
    } else if (event.key === "Enter" && figure.choose) figure.choose();
    else if (arrow && figure.move) step(one, arrow);
    else return;
    event.preventDefault();
  }

  function step(one, arrow) {
    const found = one.figure.move(arrow, one.surface);
    if (!found) return;
    paint(one);
    tell(one, found.lines, found.x, found.y);
    one.heard.textContent = found.lines.join(". ");
  }

  // ---- all of them

  function recolour() {
    kit.readPalette();
    for (const one of mounted) one.recolour();
  }

  addEventListener("resize", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);

  /* On paper: light, and drawn at twice the pixels. */
  let screenTheme;
  addEventListener("beforeprint", () => {
    const root = document.documentElement;
    screenTheme = root.dataset.theme;
    root.dataset.theme = "light";
    pixels = 2;
    recolour();
  });
  addEventListener("afterprint", () => {
    pixels = null;
    if (screenTheme === undefined) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = screenTheme;
    recolour();
  });

  return { drawn, mount, pan, range, recolour, redraw, show, zoom };
})();
