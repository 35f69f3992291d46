"use strict";
/* What all figures share: the document, colours with a second mark, scales, axes, numbers in words, elements.

A script registers what it draws: `sections.push({id, title, order, of, figures(page, run, view)})`. Sections with
`of: "page"` come once, those with `of: "run"` are those of the run that is chosen; each kind is sorted by `order`.
`figures` returns a list of

  {id, title, summary,   what a reader hears who does not see the figure: a sentence or two with its main numbers
   height,               CSS pixels, or a function of the width
   svg,                  true: `draw` fills surface.svg; otherwise it draws on surface.context, a canvas's
   time,                 true: the x axis is time; the figure shares zoom, pan and the chosen trial with the others
   draw(surface),        {context or svg, width, height, view, box, time}; box is what the axes leave, see `kit.box`
   tip(x, y, surface),   lines of text for what is at that point of the figure, or null
   click(x, y, surface), what a click or a tap does beside showing the tip; optional
   move(key, surface),   "left", "right", "up", "down": goes to the next thing; returns {x, y, lines}, or null; optional
   choose(), escape(),   what Enter and Escape do then; optional
   look(text),           the number of the trial that a reader types, or null; with it comes a field to type in
   scroll(share),        goes so much of the height down, where there is more than is in sight; optional
   drag(dy),             what a drag does beside the pan of time; optional
   legend,               [{name, mark}]; a mark is of `kit.mark`, or {colour, dash, shape}, {colour, area: true, hatch}
                         or {colour, draw(context)}; optional
   table: {columns, rows, row(i)}}   names with units, how many, and the cells of one

A figure without `draw` is its table. Text goes into the page as text nodes only: names come from logs. */

const sections = [];

const kit = (() => {
  const element = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
  const svg = (name, attributes = {}, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

  function fill(node, attributes, children) {
    for (const [key, value] of Object.entries(attributes)) {
      if (typeof value === "function") node.addEventListener(key, value);
      else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
  }

  // ---- the document: encoding.py is the other side

  function column(written, rows) {
    if (Array.isArray(written)) return written;
    if ("same" in written) return Array(rows).fill(written.same);
    if ("words" in written) return written.at.map((position) => written.words[position]);
    if ("steps" in written) {
      let sum = 0;
      return column(written.steps, rows).map((step) => (sum += step));
    }
    const columns = Object.entries(written.keys).map(([key, values]) => [key, column(values, rows)]);
    return Array.from({ length: rows }, (_, row) => {
      const held = columns.map(([key, values]) => [key, values[row]]).filter(([, value]) => value !== null);
      return Object.fromEntries(held);
    });
  }

  function table({ rows, columns }) {
    const read = Object.entries(columns).map(([name, written]) => [name, column(written, rows)]);
    return Array.from({ length: rows }, (_, row) => Object.fromEntries(read.map(([name, of]) => [name, of[row]])));
  }

  const seconds_of = (milliseconds) => milliseconds / 1000;

  function segments(written, rows) {
    const read = Object.fromEntries(Object.entries(written).map(([name, of]) => [name, column(of, rows)]));
    const { start, end, train_from, train_to, ...rest } = read;
    const since = (times) => times.map((time, row) => (start[row] + time) / 1000);
    return {
      ...rest,
      rows,
      start_s: start.map(seconds_of),
      end_s: since(end),
      train_from_s: since(train_from),
      train_to_s: since(train_to),
    };
  }

  const series = ({ rows, time, value, ...rest }) => ({
    ...rest,
    time_s: column(time, rows).map(seconds_of),
    value: column(value, rows),
  });

  const run = (written) => ({
    ...written,
    lanes: table(written.lanes),
    trials: table(written.trials),
    exploits: table(written.exploits),
    marks: table(written.marks),
    segments: segments(written.segments.columns, written.segments.rows),
    utilisation: written.utilisation.map(series),
    resources: written.resources.map(series),
  });

  /* The page of `document.py`, from what `encoding.py` wrote. */
  const decode = (written) => ({ ...written, runs: written.runs.map(run) });

  // ---- colours: the variables of style.css, so that a theme changes them

  let palette = {};
  let marks = [];
  const patterns = new Map();

  function readPalette() {
    const style = getComputedStyle(document.documentElement);
    palette = { series: [] };
    marks = [];
    patterns.clear();
    for (const name of ["ink", "muted", "grid", "panel", "absent", "busy", "accent", "bad"]) {
      palette[name] = style.getPropertyValue(`--${name}`).trim();
    }
    for (let i = 0; i < 7; i++) palette.series.push(style.getPropertyValue(`--series-${i}`).trim());
  }

  const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "plus", "star"];
  const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 2, 1, 2], [1, 3]];
  const HATCHES = ["none", "up", "down", "across", "dots"];

  /* How the i-th of many things looks: a colour of Okabe and Ito, and a second mark for eyes and printers that do not
  tell colours apart: a dash and a shape for lines, a hatch for areas. Areas differ in 35 ways. */
  const mark = (i) =>
    (marks[i % 245] ??= {
      colour: palette.series[i % 7],
      dash: DASHES[(i + Math.floor(i / 7)) % 7],
      shape: SHAPES[(i + Math.floor(i / 7)) % 7],
      hatch: HATCHES[Math.floor(i / 7) % 5],
    });

  /* A fill of a mark's colour and hatch, for a canvas; at `scale` device pixels a CSS pixel. The hatch is of the page's
  colour, or that of the `line`. */
  function pattern(context, colour, hatch, scale = 1, line = palette.panel) {
    if (hatch === "none") return colour;
    const key = `${colour} ${hatch} ${scale} ${line}`;
    if (!patterns.has(key)) {
      const made = context.createPattern(tile(colour, hatch, scale, line), "repeat");
      made.setTransform(new DOMMatrix().scale(1 / scale));
      patterns.set(key, made);
    }
    return patterns.get(key);
  }

  function tile(colour, hatch, scale, line) {
    const side = 8 * scale;
    const canvas = element("canvas", { width: side, height: side });
    const c = canvas.getContext("2d");
    c.fillStyle = colour;
    c.fillRect(0, 0, side, side);
    c.scale(scale, scale);
    c.strokeStyle = c.fillStyle = line;
    c.lineWidth = 1.2;
    const lines = {
      up: [[-1, 9, 9, -1], [-1, 1, 1, -1], [7, 9, 9, 7]],
      down: [[-1, -1, 9, 9], [7, -1, 9, 1], [-1, 7, 1, 9]],
      across: [[0, 4, 8, 4]],
      dots: [],
    };
    for (const [x0, y0, x1, y1] of lines[hatch]) {
      c.beginPath();
      c.moveTo(x0, y0);
      c.lineTo(x1, y1);
      c.stroke();
    }
    if (hatch === "dots") c.fillRect(3, 3, 3, 3);
    return canvas;
  }

  function shape(context, name, x, y, r) {
    const around = { triangle: [3, -90], square: [4, 45], diamond: [4, 0] }[name];
    context.beginPath();
    if (name === "circle") context.arc(x, y, r, 0, 2 * Math.PI);
    else if (around) corners(context, x, y, r, ...around);
    else {
      const spokes = { cross: [45, 135], plus: [0, 90], star: [0, 60, 120] }[name];
      for (const angle of spokes.map((degrees) => (degrees * Math.PI) / 180)) {
        context.moveTo(x - r * Math.cos(angle), y - r * Math.sin(angle));
        context.lineTo(x + r * Math.cos(angle), y + r * Math.sin(angle));
      }
      context.stroke();
      return;
    }
    context.fill();
  }

  function corners(context, x, y, r, many, first) {
    for (let i = 0; i < many; i++) {
      const angle = ((first + (360 / many) * i) * Math.PI) / 180;
      context.lineTo(x + r * Math.cos(angle), y + r * Math.sin(angle));
    }
    context.closePath();
  }

  /* Black or white, whichever is read better on a colour #rrggbb. */
  function inkOn(colour) {
    const [r, g, b] = [1, 3, 5].map((i) => (parseInt(colour.slice(i, i + 2), 16) / 255) ** 2.2);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.2 ? "#000000" : "#ffffff";
  }

  // ---- numbers in words

  const plain = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 });
  const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

  /* Four digits, all of whole numbers; "unknown" for null. */
  function number(value) {
    if (value === null || value === undefined) return "unknown";
    if (Number.isInteger(value)) return whole.format(value);
    const size = Math.abs(value);
    return size < 1e-4 || size >= 1e7 ? value.toExponential(3) : plain.format(value);
  }

  /* A share in percent: with a decimal below 10%, and never -0. */
  function percent(share) {
    if (share === null) return "unknown";
    const text = (100 * share).toFixed(Math.abs(share) < 0.1 ? 1 : 0);
    return `${Number(text) === 0 ? 0 : text}%`;
  }

  /* Seconds to the millisecond, with the hours and minutes from two minutes on. */
  function seconds(s) {
    if (s === null || s === undefined) return "unknown";
    const exact = `${new Intl.NumberFormat("en-US", { maximumFractionDigits: s < 100 ? 3 : 1 }).format(s)} s`;
    return s < 120 ? exact : `${exact} (${clock(s)})`;
  }

  function clock(s) {
    const left = Math.round(s);
    const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
    let rest = left;
    const words = parts.map(([size, unit]) => {
      const count = Math.floor(rest / size);
      rest -= count * size;
      return count ? `${count} ${unit}` : null;
    });
    return words.filter(Boolean).slice(0, 2).join(" ") || "0 s";
  }

  const value = (v) => (typeof v === "number" ? number(v) : typeof v === "string" ? v : JSON.stringify(v));

  const bytes = (n) => {
    const power = Math.min(4, Math.max(0, Math.floor(Math.log2(n || 1) / 10)));
    return `${number(n / 1024 ** power)} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
  };

  // ---- scales and axes

  /* From values to pixels; `invert` is the way back, `ticks(n)` are some n round values between. */
  function scale(from, to, start, end, { log = false } = {}) {
    const f = log ? Math.log10 : (v) => v;
    const [a, b] = [f(from), f(to)];
    const span = b - a || 1;
    const at = (v) => start + ((f(v) - a) / span) * (end - start);
    at.invert = (pixel) => {
      const raw = a + ((pixel - start) / (end - start || 1)) * span;
      return log ? 10 ** raw : raw;
    };
    at.from = from;
    at.to = to;
    at.ticks = (n = 6) => (log ? decades(from, to, n) : rounds(from, to, n));
    return at;
  }

  function rounds(from, to, n) {
    const step = nice((to - from) / n);
    const ticks = [];
    for (let i = Math.ceil(from / step - 1e-9); i * step <= to + step * 1e-9; i++) ticks.push(Number((i * step).toPrecision(12)));
    return ticks;
  }

  function nice(rough) {
    if (!(rough > 0)) return 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    return [1, 2, 5, 10].find((m) => m * power >= rough * 0.999) * power;
  }

  function decades(from, to, n) {
    const ticks = [];
    for (let e = Math.floor(Math.log10(from)); e <= Math.ceil(Math.log10(to)); e++) ticks.push(10 ** e);
    const inside = ticks.filter((v) => v >= from * 0.999 && v <= to * 1.001);
    return inside.length > 1 ? inside : rounds(from, to, n).filter((v) => v > 0);
  }

  /* The step of a time axis: round seconds, minutes, hours or days. */
  function timeTicks(from, to, n) {
    const rough = (to - from) / n;
    const steps = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];
    const step = rough < 60 ? Math.min(nice(rough), 60) : (steps.find((s) => s >= rough) ?? 86400 * nice(rough / 86400));
    const ticks = [];
    for (let i = Math.ceil(from / step - 1e-9); i * step <= to + step * 1e-9; i++) ticks.push(Number((i * step).toPrecision(12)));
    return { ticks, step };
  }

  function timeWord(s, step) {
    if (step < 60) return `${number(s)} s`;
    if (step < 3600) return s < 3600 ? `${s / 60} min` : `${Math.floor(s / 3600)}:${String(Math.round((s % 3600) / 60)).padStart(2, "0")} h`;
    return step < 86400 ? `${s / 3600} h` : `${s / 86400} d`;
  }

  /* What the axes leave of a surface. */
  const box = (surface, { left = 56, top = 10, right = 14, bottom = 34 } = {}) => ({
    left: Math.min(left, surface.width / 3),
    top,
    right: surface.width - right,
    bottom: surface.height - bottom,
  });

  /* Draws both axes with a grid on a canvas. `x` and `y` are scales; a time axis has round times. `xWord` and `yWord`
  write a tick; labels name the unit. */
  function axes(surface, { x, y, time = false, xLabel = "", yLabel = "", xWord = number, yWord = number }) {
    const { context: c, box: b } = surface;
    c.font = FONT;
    c.lineWidth = 1;
    const many = Math.max(2, Math.floor((b.right - b.left) / 90));
    const spread = time ? timeTicks(x.from, x.to, many) : { ticks: x.ticks(many) };
    const word = time ? (s) => timeWord(s, spread.step) : xWord;
    c.textAlign = "center";
    c.textBaseline = "top";
    for (const tick of spread.ticks) rule(c, x(tick), b.top, x(tick), b.bottom, word(tick), x(tick), b.bottom + 4);
    if (y) {
      c.textAlign = "right";
      c.textBaseline = "middle";
      const ticks = y.ticks(Math.max(2, Math.floor((b.bottom - b.top) / 40)));
      for (const tick of ticks) rule(c, b.left, y(tick), b.right, y(tick), yWord(tick), b.left - 5, y(tick));
    }
    c.fillStyle = palette.muted;
    c.textBaseline = "alphabetic";
    c.textAlign = "right";
    c.fillText(xLabel, b.right, surface.height - 3);
    c.textAlign = "left";
    c.fillText(yLabel, 2, 9);
  }

  function rule(c, x0, y0, x1, y1, text, x, y) {
    c.strokeStyle = palette.grid;
    c.beginPath();
    c.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
    c.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
    c.stroke();
    c.fillStyle = palette.muted;
    c.fillText(text, x, y);
  }

  /* Draws within the box only. */
  function clipped(surface, draw) {
    const { context: c, box: b } = surface;
    c.save();
    c.beginPath();
    c.rect(b.left, b.top, b.right - b.left, b.bottom - b.top);
    c.clip();
    draw(c);
    c.restore();
  }

  /* A line through the points, in the mark's colour and dash; `step`: a value holds until the next. null breaks it. */
  function line(surface, xs, ys, { colour, dash = [] }, { step = false, width = 1.6 } = {}) {
    const c = surface.context;
    c.strokeStyle = colour;
    c.lineWidth = width;
    c.setLineDash(dash);
    c.beginPath();
    let last = null;
    for (let i = 0; i < xs.length; i++) {
      if (ys[i] === null || Number.isNaN(ys[i])) last = null;
      else if (last === null) c.moveTo(xs[i], (last = ys[i]));
      else {
        if (step) c.lineTo(xs[i], last);
        c.lineTo(xs[i], (last = ys[i]));
      }
    }
    c.stroke();
    c.setLineDash([]);
  }

  /* The first position in a rising list whose value is at least `wanted`. */
  function bisect(list, wanted) {
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  const FONT = '11px system-ui, "Segoe UI", "Liberation Sans", sans-serif';

  const times = (count) => (count === 1 ? "once" : `${number(count)} times`);

  return {
    FONT, axes, bisect, box, bytes, clipped, clock, decode, element, inkOn, line, mark, number, pattern, percent, readPalette,
    scale, seconds, shape, svg, times, timeTicks, timeWord, value,
    get palette() {
      return palette;
    },
  };
})();
