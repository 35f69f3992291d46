"use strict";
/* What the Gantt draws over its segments: exploits, what befell workers and trials, the bound. And how segments look that
did not end. */

const ganttSigns = (() => {
  const ARROWS = 150; // exploits in sight up to which all have arrows
  const [NARROW, ROOM] = [600, 40]; // pixels: a box that is narrower has arrows where there are so many for each

  function exploits(c, surface, at, made, chosen) {
    const [from, to] = surface.time;
    const concerns = ({ exploit }) => chosen === null || exploit.trial === chosen || exploit.source === chosen;
    const shown = made.arrows.filter((one) => one && one.to.time >= from && one.from.time <= to && concerns(one));
    const width = surface.box.right - surface.box.left;
    const whole = shown.length <= (width < NARROW ? width / ROOM : ARROWS);
    const free = new Map();
    const heads = [];
    for (const one of shown) {
      const [x, y] = [at.x(one.to.time), at.y(one.to.lane) + at.row / 2];
      if (whole) curve(c, at.x(one.from.time), at.y(one.from.lane) + at.row / 2, x, y);
      else if ((free.get(one.to.lane) ?? -Infinity) > x) continue;
      free.set(one.to.lane, x + 7);
      heads.push([x, y]);
    }
    if (at.row < 8) ticks(c, heads, at.row);
    else headsAt(c, heads);
  }

  function ticks(c, heads, height) {
    c.fillStyle = kit.palette.ink;
    for (const [x, y] of heads) c.fillRect(x - 1, y - height / 2, 1.5, height);
  }

  function curve(c, x0, y0, x1, y1) {
    const bend = Math.min(40, Math.abs(y1 - y0) / 3 + 6);
    const lift = y0 === y1 ? 7 : 0; // within a lane, over what is between
    const path = new Path2D();
    path.moveTo(x0, y0);
    path.bezierCurveTo(x0 + bend, y0 - lift, x1 - bend, y1 - lift, x1, y1);
    c.strokeStyle = kit.palette.panel;
    c.lineWidth = 3;
    c.stroke(path);
    c.strokeStyle = c.fillStyle = kit.palette.ink;
    c.lineWidth = 1.2;
    c.stroke(path);
    kit.shape(c, "circle", x0, y0, 2);
  }

  function headsAt(c, heads) {
    c.fillStyle = kit.palette.ink;
    c.strokeStyle = kit.palette.panel;
    c.lineWidth = 1;
    c.beginPath();
    for (const [x, y] of heads) {
      c.moveTo(x + 1, y);
      c.lineTo(x - 6, y - 3.5);
      c.lineTo(x - 6, y + 3.5);
      c.closePath();
    }
    if (heads.length < 2 * ARROWS) c.stroke(); // slow
    c.fill();
  }

  function arrowSample(c) {
    curve(c, 2, 3, 24, 10);
    headsAt(c, [[24, 10]]);
  }

  const GLYPHS = {
    joined: ["triangle", "ink"], left: ["square", "bad"], draining: ["diamond", "bad"], slowed: ["star", "bad"],
    recovered: ["star", "ink"],
    lost: ["cross", "bad"], "checkpoint-lost": ["plus", "bad"], completed: ["circle", "ink"],
  };

  function glyphs(c, surface, at, made, chosen) {
    const [from, to] = surface.time;
    const free = new Map();
    const rare = made.glyphs.length < 400;
    for (const { kind, lane, trial, time_s } of made.glyphs) {
      if (lane === null || lane < at.first || lane >= at.end || time_s < from || time_s > to) continue;
      if (kind === "completed" && !rare && trial !== chosen) continue;
      const x = at.x(time_s);
      const spot = `${lane} ${kind}`;
      if ((free.get(spot) ?? -Infinity) > x) continue;
      free.set(spot, x + 6);
      glyph(c, kind, x, at.y(lane) + at.row / 2, Math.max(2.5, Math.min(4, at.row / 4)));
    }
  }

  function glyph(c, kind, x, y, r) {
    const [shape, colour] = GLYPHS[kind];
    c.lineWidth = 4;
    c.fillStyle = c.strokeStyle = kit.palette.panel;
    kit.shape(c, shape, x, y, r + 1.2);
    c.lineWidth = 2;
    c.fillStyle = c.strokeStyle = kit.palette[colour];
    kit.shape(c, shape, x, y, r);
  }

  /* The bound, and where the run was resumed. */
  function lines(c, { box }, run, at) {
    const upright = (time, colour, dash) => {
      c.strokeStyle = colour;
      c.lineWidth = 2;
      c.setLineDash(dash);
      c.beginPath();
      c.moveTo(at.x(time), box.top);
      c.lineTo(at.x(time), box.bottom);
      c.stroke();
      c.setLineDash([]);
    };
    for (const { kind, time_s } of run.marks) if (kind === "resumed") upright(time_s, kit.palette.ink, [2, 3]);
    if (run.bound_s !== null) upright(run.bound_s, kit.palette.accent, [7, 4]);
  }

  function boundName({ context: c, box }, run, at) {
    if (run.bound_s === null || run.bound_s < at.x.from || run.bound_s > at.x.to) return;
    const x = at.x(run.bound_s);
    c.font = kit.FONT;
    c.fillStyle = kit.palette.accent;
    c.textBaseline = "alphabetic";
    c.textAlign = x > box.right - 90 ? "right" : "left";
    c.fillText("lower bound", x, box.top - 5);
  }

  function lost(c, x, top, width, height) {
    c.fillStyle = kit.pattern(c, kit.palette.panel, "up", 1, kit.palette.bad);
    c.fillRect(x, top, width, height);
    c.strokeStyle = kit.palette.bad;
    c.lineWidth = 1;
    c.strokeRect(x + 0.5, top + 0.5, Math.max(width - 1, 1), height - 1);
  }

  /* The end of a segment that runs still: a dotted edge. */
  function open(c, x, top, height) {
    c.strokeStyle = kit.palette.ink;
    c.lineWidth = 2;
    c.setLineDash([2, 2]);
    c.beginPath();
    c.moveTo(x, top);
    c.lineTo(x, top + height);
    c.stroke();
    c.setLineDash([]);
  }

  return { arrowSample, boundName, exploits, glyph, glyphs, kinds: Object.keys(GLYPHS), lines, lost, open };
})();
