"use strict";
/* Who ran where: a lane a worker, the segments on it, and what happened. `gantt(run, {id, title})` is the figure.

Training fills the height of a lane, overhead is a thin bar. Segments too narrow to be told apart become grey bins,
as high as the share of their time that was busy. */

const gantt = (() => {
  const HIGH = 900; // CSS pixels that lanes may take in all
  const BIN = 2; // pixels; segments narrower than that are never drawn themselves
  const DRAWN = 20_000; // segments in sight up to which those that are wider are
  const cursors = new Map(); // by figure: the row of the segment that the keys are at

  // ---- geometry

  const rowHeight = (run) => Math.max(3, Math.min(20, HIGH / Math.max(run.lanes.length, 1)));
  const lanesShown = (run) => Math.min(run.lanes.length, Math.floor(HIGH / rowHeight(run)));
  const TOP = 18;
  const BOTTOM = 34;

  function place(surface, run) {
    const left = surface.width < 600 ? 78 : 118;
    surface.box = kit.box(surface, { left, top: TOP, right: 10, bottom: BOTTOM });
    const { box, time } = surface;
    const row = rowHeight(run);
    const first = Math.max(0, Math.min(surface.view.lane, run.lanes.length - lanesShown(run)));
    return {
      x: kit.scale(time[0], time[1], box.left, box.right),
      y: (lane) => box.top + (lane - first) * row,
      row,
      bar: row > 6 ? row - 2 : row - 0.5,
      first,
      end: first + lanesShown(run),
      seconds: (time[1] - time[0]) / Math.max(box.right - box.left, 1), // a pixel
    };
  }

  // ---- drawing

  function draw(run, id, surface) {
    const at = place(surface, run);
    const made = timeline(run);
    at.narrow = narrow(at, made, surface.time);
    kit.axes(surface, { x: at.x, time: true, xLabel: "time since the start" });
    kit.clipped(surface, (c) => {
      lanesOf(c, surface, run, at, made);
      const chosen = surface.view.trial;
      for (let lane = at.first; lane < at.end; lane++) lane_(c, surface, run, at, made, lane, chosen);
      ganttSigns.exploits(c, surface, at, made, chosen);
      ganttSigns.glyphs(c, surface, at, made, chosen);
      ganttSigns.lines(c, surface, run, at);
      cursor(c, run, at, cursors.get(id));
    });
    labels(surface, run, at);
    ganttSigns.boundName(surface, run, at);
    if (at.end - at.first < run.lanes.length) inSight(surface, run, at);
  }

  function inSight({ context: c, height }, run, at) {
    c.fillStyle = kit.palette.muted;
    c.textAlign = "left";
    c.textBaseline = "alphabetic";
    c.fillText(`workers ${at.first + 1} to ${at.end} of ${run.lanes.length}`, 2, height - 3);
  }

  /* The pixels up to which a segment is part of a bin: more, the more segments are in sight. */
  function narrow(at, made, [from, to]) {
    let many = 0;
    for (let lane = at.first; lane < at.end; lane++) many += kit.bisect(made.starts[lane], to) - kit.bisect(made.starts[lane], from);
    return Math.max(BIN, at.row < 6 ? 6 : 0, (BIN * many) / DRAWN);
  }

  /* Where workers were not there is shaded; nodes are set off by lines. */
  function lanesOf(c, { box }, run, at, made) {
    c.fillStyle = kit.palette.absent;
    for (let lane = at.first; lane < at.end; lane++) {
      for (const [from, to] of made.absent[lane]) {
        const x = Math.max(at.x(from), box.left);
        c.fillRect(x, at.y(lane), Math.min(at.x(Math.min(to, at.x.to)), box.right) - x, at.row);
      }
    }
    c.strokeStyle = kit.palette.grid;
    c.beginPath();
    for (let lane = at.first + 1; lane < at.end; lane++) {
      if (run.lanes[lane].node === run.lanes[lane - 1].node) continue;
      c.moveTo(box.left, Math.round(at.y(lane)) - 0.5);
      c.lineTo(box.right, Math.round(at.y(lane)) - 0.5);
    }
    c.stroke();
  }

  function lane_(c, surface, run, at, made, lane, chosen) {
    const { segments } = run;
    const rows = made.ofLane[lane];
    const [from, to] = surface.time;
    const top = at.y(lane) + (at.row - at.bar) / 2;
    const bins = binsOf(c, at, top);
    for (let i = Math.max(kit.bisect(made.starts[lane], from) - 1, 0); i < rows.length; i++) {
      const row = rows[i];
      const start = segments.start_s[row];
      if (start > to) break;
      const end = segments.end_s[row];
      if (end < from) continue;
      if ((end - start) / at.seconds < at.narrow) bins.add(start, end, chosen === null || segments.trial[row] === chosen);
      else bar(c, surface, run, at, row, top, chosen);
    }
    bins.done();
  }

  /* Collects what is narrower than a segment can be drawn: bins of pixels, with the share of their time that was busy.
  Bins of one height that follow each other are drawn as one. */
  function binsOf(c, at, top) {
    let [bin, busy, lit] = [null, 0, false];
    let drawn = null; // bins that wait to be drawn: {from, to, height, lit}
    const flush = () => {
      if (drawn === null) return;
      c.globalAlpha = drawn.lit ? 1 : 0.3;
      c.fillStyle = kit.palette.busy;
      c.fillRect(drawn.from * BIN, top + at.bar - drawn.height, (drawn.to - drawn.from) * BIN, drawn.height);
      c.globalAlpha = 1;
      drawn = null;
    };
    const close = () => {
      if (bin === null) return;
      const height = Math.max(1, Math.round(Math.min(busy, 1) * at.bar));
      const joins = drawn !== null && drawn.to === bin && drawn.height === height && drawn.lit === lit;
      if (joins) drawn.to += 1;
      else {
        flush();
        drawn = { from: bin, to: bin + 1, height, lit };
      }
      [bin, busy, lit] = [null, 0, false];
    };
    const put = (mine, share, isLit) => {
      if (mine !== bin) close();
      bin = mine;
      busy += share;
      lit ||= isLit;
    };
    return {
      add(start, end, isLit) {
        const [from, to] = [at.x(start) / BIN, at.x(end) / BIN];
        for (let mine = Math.floor(from); mine < to || mine === Math.floor(from); mine++) {
          put(mine, Math.min(to, mine + 1) - Math.max(from, mine), isLit);
        }
      },
      done() {
        close();
        flush();
      },
    };
  }

  function bar(c, surface, run, at, row, top, chosen) {
    const { segments } = run;
    const clamp = (time) => Math.max(surface.box.left - 2, Math.min(surface.box.right + 2, at.x(time)));
    const [x0, x1] = [clamp(segments.start_s[row]), clamp(segments.end_s[row])];
    const width = Math.max(x1 - x0 - (x1 - x0 > 4 ? 1 : 0), 1);
    const trial = segments.trial[row];
    const { colour, hatch } = kit.mark(trial);
    if (chosen !== null && trial !== chosen) c.globalAlpha = 0.25;
    if (segments.state[row] === 1) ganttSigns.lost(c, x0, top, width, at.bar);
    else {
      const [t0, t1] = [clamp(segments.train_from_s[row]), Math.min(clamp(segments.train_to_s[row]), x0 + width)];
      const running = segments.state[row] === 2;
      c.fillStyle = colour;
      if (t0 > x0 + 0.5) thin(c, x0, t0, top, at.bar);
      if (t1 < x0 + width - 0.5) thin(c, t1, x0 + width, top, at.bar);
      if (hatch !== "none" && width >= 8 && at.bar >= 5) c.fillStyle = kit.pattern(c, colour, hatch, surface.pixels);
      if (running) c.globalAlpha *= 0.6;
      c.fillRect(t0, top, Math.max(t1 - t0, 0.5), at.bar);
      if (running) ganttSigns.open(c, x0 + width, top, at.bar);
    }
    if (trial === chosen) {
      c.strokeStyle = kit.palette.ink;
      c.lineWidth = 1.5;
      c.strokeRect(x0 + 0.5, top + 0.5, Math.max(width - 1, 1), at.bar - 1);
    }
    if (at.bar >= 11 && width > 24) name(c, run.trials[trial].id, colour, x0, top, width, at.bar);
    if (c.globalAlpha !== 1) c.globalAlpha = 1;
  }

  /* Overhead. */
  function thin(c, x0, x1, top, height) {
    const high = Math.max(height * 0.3, 1);
    c.fillRect(x0, top + (height - high) / 2, x1 - x0, high);
  }

  const widths = new Map();

  function name(c, id, colour, x, top, width, height) {
    c.font = kit.FONT;
    if (!widths.has(id)) widths.set(id, c.measureText(id).width);
    const wide = widths.get(id);
    if (wide + 6 > width) return;
    c.fillStyle = colour;
    c.fillRect(x + 1, top + 1, wide + 5, height - 2);
    c.fillStyle = kit.inkOn(colour);
    c.textAlign = "left";
    c.textBaseline = "middle";
    c.fillText(id, x + 3, top + height / 2 + 0.5);
  }

  function cursor(c, run, at, row) {
    if (row === undefined || row >= run.segments.rows) return;
    const { segments } = run;
    const [x0, x1] = [at.x(segments.start_s[row]), at.x(segments.end_s[row])];
    c.strokeStyle = kit.palette.ink;
    c.lineWidth = 2.5;
    c.strokeRect(x0 - 1, at.y(segments.lane[row]) - 0.5, Math.max(x1 - x0, 2) + 2, at.row + 1);
  }

  /* Nodes, and their workers where a lane is high enough for words. */
  function labels({ context: c, box }, run, at) {
    c.font = kit.FONT;
    c.textBaseline = "middle";
    c.textAlign = "left";
    c.save();
    c.beginPath();
    c.rect(0, 0, box.left - 4, box.bottom);
    c.clip();
    let free = box.top;
    for (let lane = at.first; lane < at.end; lane++) {
      const { node, worker } = run.lanes[lane];
      const y = at.y(lane) + at.row / 2;
      if (y - 6 < free - 0.5) continue;
      const opens = lane === at.first || run.lanes[lane - 1].node !== node;
      if (!opens && at.row < 11) continue;
      c.fillStyle = opens ? kit.palette.ink : kit.palette.muted;
      c.fillText(at.row < 11 ? node : worker, 2, y);
      free = y + 6;
    }
    c.restore();
  }

  // ---- what is where

  function found(run, x, y, surface) {
    const at = place(surface, run);
    const lane = Math.floor(at.first + (y - surface.box.top) / at.row);
    if (lane < at.first || lane >= at.end || x < surface.box.left || x > surface.box.right) return null;
    const time = at.x.invert(x);
    const made = timeline(run);
    const rows = made.ofLane[lane];
    const i = kit.bisect(made.starts[lane], time) - 1;
    const row = [rows[i], rows[i + 1]].find((one) => one !== undefined && near(run, at, one, x));
    const marks = made.glyphs.filter((mark) => mark.lane === lane && Math.abs(at.x(mark.time_s) - x) < 6);
    const arrows = made.arrows.filter((one) => one && one.to.lane === lane && Math.abs(at.x(one.to.time) - x) < 6);
    return { row, lane, marks, arrows, at };
  }

  function near({ segments }, at, row, x) {
    return at.x(segments.start_s[row]) - 1.5 <= x && x <= at.x(segments.end_s[row]) + 1.5;
  }

  function tip(run, x, y, surface) {
    const here = found(run, x, y, surface);
    if (!here) return null;
    const { row, lane, marks, arrows } = here;
    const { worker, device, cores, gpu_share } = run.lanes[lane];
    const share = device === "cpu" ? `${cores} cores` : `${gpu_share === 1 ? "" : `${gpu_share} `}${device}`;
    const what = row === undefined ? [`${worker} (${share})`, "idle"] : ganttWords.words(run, row);
    return [...what, ...arrows.slice(0, 3).map((one) => ganttWords.copied(run, one.exploit)), ...marks.slice(0, 4).map((one) => ganttWords.happened(run, one))];
  }

  // ---- choosing

  function chosen(trial) {
    view.trial = view.trial === trial ? null : trial;
    figures.redraw();
  }

  /* The next segment of the lane, or the one of the next lane at the time. */
  function move(run, id, key, surface) {
    const { segments } = run;
    const made = timeline(run);
    const old = cursors.get(id);
    const row = old === undefined || old >= segments.rows ? firstInSight(run, surface) : neighbour(segments, made, old, key);
    if (row === undefined) return null;
    cursors.set(id, row);
    reveal(run, row, surface);
    const at = place({ ...surface, time: figures.range() }, run);
    return { x: at.x(segments.start_s[row]), y: at.y(segments.lane[row]) + at.row, lines: ganttWords.words(run, row) };
  }

  function firstInSight({ segments }, { time: [from, to] }) {
    for (let row = 0; row < segments.rows; row++) if (segments.end_s[row] > from && segments.start_s[row] < to) return row;
    return undefined;
  }

  function neighbour(segments, made, row, key) {
    const lane = segments.lane[row];
    const i = made.ofLane[lane].indexOf(row);
    if (key === "left") return made.ofLane[lane][i - 1];
    if (key === "right") return made.ofLane[lane][i + 1];
    const step = key === "up" ? -1 : 1;
    for (let other = lane + step; other >= 0 && other < made.ofLane.length; other += step) {
      const rows = made.ofLane[other];
      if (rows.length) return rows[Math.max(kit.bisect(made.starts[other], segments.end_s[row]) - 1, 0)];
    }
    return undefined;
  }

  function reveal(run, row, surface) {
    const { segments } = run;
    const [from, to] = surface.time;
    const [start, end] = [segments.start_s[row], segments.end_s[row]];
    if (start < from || end > to) figures.show(start - (to - from) / 2, start + (to - from) / 2);
    const lane = segments.lane[row];
    if (lane < view.lane || lane >= view.lane + lanesShown(run)) scroll(run, lane - view.lane - lanesShown(run) / 2);
  }

  function scroll(run, lanes) {
    view.lane = Math.round(Math.max(0, Math.min(view.lane + lanes, run.lanes.length - lanesShown(run))));
    figures.redraw();
  }

  // ---- the figure

  /* The trial of that name, or the first whose name has the text in it. */
  function look(run, text) {
    const names = run.trials.map(({ id }) => id);
    const found = names.includes(text) ? names.indexOf(text) : names.findIndex((id) => text && id.includes(text));
    return found < 0 ? null : found;
  }

  return (run, { id, title }) => ({
    id,
    title,
    summary: ganttWords.summary(run),
    height: () => TOP + BOTTOM + lanesShown(run) * rowHeight(run),
    time: true,
    get legend() {
      return ganttWords.legend(run);
    },
    draw: (surface) => draw(run, id, surface),
    tip: (x, y, surface) => tip(run, x, y, surface),
    click: (x, y, surface) => {
      const row = found(run, x, y, surface)?.row;
      if (row !== undefined || view.trial !== null) chosen(row === undefined ? view.trial : run.segments.trial[row]);
    },
    drag: (dy) => scroll(run, -dy / rowHeight(run)),
    scroll: run.lanes.length > lanesShown(run) ? (share) => scroll(run, share * lanesShown(run)) : null,
    move: (key, surface) => move(run, id, key, surface),
    choose: () => cursors.has(id) && chosen(run.segments.trial[cursors.get(id)]),
    escape: () => (cursors.delete(id), (view.trial = null)),
    look: (text) => look(run, text),
    table: ganttWords.table(run),
  });
})();

sections.push({
  id: "gantt",
  title: "Who ran where",
  of: "run",
  order: 10,
  figures: (page, run) => [gantt(run, { id: "gantt-of-run", title: `${run.strategy}, seed ${run.seed}` })],
});
