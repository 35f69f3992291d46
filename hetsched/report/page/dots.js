"use strict";
/* Dots in rows: `dots.figure({id, title, summary, rows, ...})`. A row is a strategy: its name above, a dot per seed,
and the mean as a larger mark with its interval. Dots of one row stand below each other in the order of the seeds.

rows: [{name, look, values: [numbers], estimate: {mean, low, high} or null, note}]; `look` is the number of its mark,
`seeds` names the values. `reference` is {value, name}: a line across all rows. `word` writes a value, `xLabel` names it
with its unit. */

const dots = (() => {
  const ROW = 48;
  const NEAR = 16; // pixels within which a dot is meant
  const cursors = new Map();

  function figure(of) {
    const figureOf = {
      id: of.id,
      title: of.title,
      summary: of.summary,
      height: 50 + ROW * of.rows.length,
      legend: legend(of),
      table: table(of),
      draw: (surface) => draw(of, surface),
      tip: (x, y, surface) => nearest(surface.dots, x, y)?.lines ?? null,
      move: (key, surface) => move(of.id, key, surface),
    };
    return figureOf;
  }

  function legend(of) {
    const grey = kit.palette.muted;
    const sample = (name, drawIt) => ({ name, mark: { colour: grey, draw: drawIt } });
    const some = (holds) => of.rows.some(holds);
    return [
      ...(some((row) => row.values.length) ? [sample("one seed", (c) => kit.shape(c, "circle", 13, 7, 2.5))] : []),
      ...(some((row) => row.estimate && row.estimate.low !== null) ? [sample("mean and its 95% interval", (c) => interval(c, 2, 24, 13, 7, "diamond"))] : []),
      ...(some((row) => row.estimate && row.estimate.low === null) ? [sample("mean", (c) => kit.shape(c, "diamond", 13, 7, 5))] : []),
      ...(of.reference ? [{ name: of.reference.name, mark: { colour: kit.palette.accent, dash: [7, 4] } }] : []),
    ];
  }

  function table({ rows, seeds = [] }) {
    const columns = ["strategy", "mean", "from", "to", ...seeds.map((seed) => `seed ${seed}`)];
    const row = (i) => {
      const { name, values, estimate } = rows[i];
      const { mean = null, low = null, high = null } = estimate ?? {};
      return [name, mean, low, high, ...seeds.map((_, k) => values[k] ?? null)];
    };
    return { columns, rows: rows.length, row };
  }

  // ---- drawing

  const known = ({ values, estimate }) => [...values, ...(estimate ? [estimate.mean, estimate.low, estimate.high] : [])].filter(Number.isFinite);

  function scaleOf({ rows, reference, log = false }, { left, right }) {
    const all = [...rows.flatMap(known), ...(reference ? [reference.value] : [])];
    const [low, high] = all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
    if (log) return kit.scale(low / 1.6, high * 1.6, left, right, { log });
    const pad = (high - low || Math.abs(high) || 1) * 0.06;
    return kit.scale(low - pad, high + pad, left, right);
  }

  function draw(of, surface) {
    surface.box = kit.box(surface, { left: 12, top: 4 });
    const x = scaleOf(of, surface.box);
    kit.axes(surface, { x, xWord: of.word, xLabel: of.xLabel });
    if (of.reference) line(surface, x(of.reference.value));
    surface.dots = of.rows.flatMap((row, i) => rowOfDots(of, surface, x, row, i));
  }

  function line({ context: c, box }, x) {
    c.strokeStyle = kit.palette.accent;
    c.lineWidth = 1.5;
    c.setLineDash([7, 4]);
    c.beginPath();
    c.moveTo(x, box.top);
    c.lineTo(x, box.bottom);
    c.stroke();
    c.setLineDash([]);
  }

  /* Draws the row, and returns where its dots are and what they say. */
  function rowOfDots(of, { context: c, box }, x, row, i) {
    const { name, values, estimate, note } = row;
    const top = box.top + i * ROW;
    const mark = kit.mark(row.look);
    c.font = kit.FONT;
    c.textAlign = "left";
    c.textBaseline = "top";
    named(c, fitted(c, note ? `${name}: ${note}` : name, box.right - box.left), box.left + 2, top + 4);
    c.fillStyle = c.strokeStyle = mark.colour;
    const found = values.map((value, k) => {
      const y = top + 22 + (values.length > 1 ? (18 * k) / (values.length - 1) : 9);
      c.globalAlpha = 0.7;
      kit.shape(c, "circle", x(value), y, 2.5);
      c.globalAlpha = 1;
      return { row: i, x: x(value), y, lines: [name, `seed ${of.seeds[k]}: ${of.word(value)}`] };
    });
    if (estimate) {
      const y = top + 31;
      interval(c, x(estimate.low ?? estimate.mean), x(estimate.high ?? estimate.mean), x(estimate.mean), y, mark.shape);
      found.push({ row: i, x: x(estimate.mean), y, lines: [name, said(of, estimate)] });
    }
    return found;
  }

  /* Text that is read over a line, too. */
  function named(c, text, x, y) {
    c.strokeStyle = kit.palette.panel;
    c.lineWidth = 4;
    c.lineJoin = "round";
    c.strokeText(text, x, y);
    c.fillStyle = kit.palette.ink;
    c.fillText(text, x, y);
  }

  const said = ({ word }, { mean, low, high }) => `mean ${word(mean)}${low === null ? "" : `, 95% interval ${word(low)} to ${word(high)}`}`;

  function interval(c, from, to, at, y, shape) {
    c.lineWidth = 2.5;
    c.beginPath();
    c.moveTo(from, y);
    c.lineTo(to, y);
    for (const end of [from, to]) {
      c.moveTo(end, y - 5);
      c.lineTo(end, y + 5);
    }
    c.stroke();
    kit.shape(c, shape, at, y, 5);
  }

  /* The text, or as much of it as the width holds. */
  function fitted(c, text, width) {
    let shown = text;
    while (shown.length > 1 && c.measureText(shown).width > width) shown = `${shown.slice(0, -2)}…`;
    return shown;
  }

  // ---- what is at a point

  function nearest(points, x, y) {
    let best = null;
    for (const point of points) {
      const distance = Math.hypot(point.x - x, point.y - y);
      if (distance <= NEAR && (!best || distance < best.distance)) best = { ...point, distance };
    }
    return best;
  }

  /* The next dot of the row, or the first one of the next row. */
  function move(id, key, { dots: points }) {
    if (!points.length) return null;
    const old = cursors.get(id);
    const at = old === undefined ? 0 : stepped(points, Math.min(old, points.length - 1), key);
    cursors.set(id, at);
    return points[at];
  }

  function stepped(points, at, key) {
    if (key === "left" || key === "right") return Math.min(Math.max(at + (key === "left" ? -1 : 1), 0), points.length - 1);
    const row = points[at].row + (key === "up" ? -1 : 1);
    const there = points.findIndex((point) => point.row === row);
    return there < 0 ? at : there;
  }

  return { figure, nearest, stepped };
})();
