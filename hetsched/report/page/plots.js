"use strict";
/* What the charts of a run share: the frame of a plot, rows of shades, and how keys go through a plot. */

const plots = (() => {
  const STEPS = 50; // in which the arrow keys go through a plot
  const cursors = new Map(); // by figure: at which step the keys are

  /* Worked out when it is first asked for. */
  const lazy = (make) => {
    let made;
    return () => (made ??= make());
  };

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  /* The frame of a plot with the range {from, to, log} on its y axis; over time, or over the range `across`.
  surface.frame are its scales. */
  function frame(surface, range, { across = null, xLabel = "time since the start", yLabel = "", yWord = kit.number } = {}) {
    surface.box = kit.box(surface, { top: 16 });
    const { left, right, top, bottom } = surface.box;
    const [from, to] = across ?? surface.time;
    const x = kit.scale(from, to, left, right);
    const y = kit.scale(range.from, range.to, bottom, top, { log: range.log });
    kit.axes(surface, { x, y, time: !across, xLabel, yLabel, yWord });
    surface.frame = { x, y };
    return surface.frame;
  }

  /* A range around the values, logarithmic where they are positive and of different sizes; null where there are none. */
  function range(values, log = null) {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (low > high) return null;
    if (low > 0 && (log ?? high / low >= 1000)) return { from: low / 1.15, to: high * 1.15, log: true };
    const pad = (high - low || Math.abs(high) || 1) * 0.05;
    return { from: low - pad, to: high + pad, log: false };
  }

  /* What moves through a plot by the keys, and tells what the tip tells there. */
  const moves = (id, tip) => (key, surface) => {
    const { left, right, top, bottom } = surface.box;
    const old = cursors.get(id) ?? (key === "left" ? STEPS : 0);
    const step = clamp(old + ({ left: -1, right: 1 }[key] ?? 0), 0, STEPS);
    cursors.set(id, step);
    const x = left + ((right - left) * step) / STEPS;
    const y = (top + bottom) / 2;
    const lines = tip(x, y, surface);
    return lines ? { x, y, lines } : null;
  };

  const inside = (x, { box }) => x >= box.left - 1 && x <= box.right + 1;

  const unknown = (c, scale) => kit.pattern(c, kit.palette.panel, "up", scale, kit.palette.muted);

  /* Rows of a shade between 0 and 1 over time, as wide as their values hold; what is unknown is hatched. */
  function shades(surface, rows, end, { x }) {
    const { context: c, box } = surface;
    const tall = (box.bottom - box.top) / rows.length;
    const [from, to] = surface.time;
    rows.forEach(({ time_s, value }, row) => {
      const y = box.top + row * tall;
      for (let i = Math.max(0, kit.bisect(time_s, from) - 1); i < time_s.length && time_s[i] < to; i++) {
        c.globalAlpha = value[i] === null ? 1 : shade(value[i]);
        c.fillStyle = value[i] === null ? unknown(c, surface.pixels) : kit.palette.series[0];
        const start = x(time_s[i]);
        c.fillRect(start, y, x(time_s[i + 1] ?? end) - start, Math.max(tall - (tall > 4 ? 1 : 0), 0.5));
      }
    });
    c.globalAlpha = 1;
  }

  const shade = (value) => 0.08 + 0.92 * clamp(value, 0, 1);

  /* The legend of shades: {name, mark} for each of the values, and for what is unknown. */
  const shadeLegend = (values, word, absent) => {
    const sample = (name, fill) => ({ name, mark: { colour: kit.palette.series[0], draw: (c) => (fill(c), c.fillRect(1, 1, 24, 12)) } });
    return [
      ...values.map((value) => sample(word(value), (c) => (c.globalAlpha = shade(value)))),
      sample(absent, (c) => (c.fillStyle = unknown(c, 1))),
    ];
  };

  /* The names of rows, at the left of the box, as many as there is room for. */
  function rowNames(surface, names) {
    const { context: c, box } = surface;
    const tall = (box.bottom - box.top) / names.length;
    const every = Math.max(1, Math.ceil(12 / tall));
    c.font = kit.FONT;
    c.fillStyle = kit.palette.muted;
    c.textAlign = "right";
    c.textBaseline = "middle";
    for (let row = 0; row < names.length; row += every)
      c.fillText(fitted(c, names[row], box.left - 6), box.left - 5, box.top + (row + 0.5) * tall);
  }

  /* The text, or as much of it as the width holds. */
  function fitted(c, text, width) {
    if (c.measureText(text).width <= width) return text;
    let [low, high] = [0, text.length];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (c.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
      else high = middle - 1;
    }
    return `${text.slice(0, low)}…`;
  }

  /* The value that holds at the moment, in a list of rising times; null before the first. */
  function held(times, values, moment) {
    const after = kit.bisect(times, moment);
    const at = times[after] === moment ? after : after - 1;
    return at < 0 ? null : values[at];
  }

  return { clamp, fitted, frame, held, inside, lazy, moves, range, rowNames, shadeLegend, shades };
})();
