"use strict";
/* Figures over time that hold until the next step: a line each, with its name and mark. */

const curves = (() => {
  const cursors = new Map(); // by figure: at which step the keys are

  /* `lines` are {name, mark, time_s, value}; `value` is what the table calls the values. */
  function figure({ id, title, summary, lines, yLabel, value }) {
    const values = lines.flatMap((line) => line.value);
    const range = { end: Math.max(...lines.map(({ time_s }) => time_s.at(-1))), low: Math.min(...values), high: Math.max(...values) };
    return {
      id,
      title,
      summary,
      height: 320,
      get legend() {
        return lines.map(({ name, mark }) => ({ name, mark: mark() }));
      },
      table: tableOf(lines, value),
      draw: (surface) => draw(lines, range, yLabel, surface),
      tip: (x, y, surface) => at(lines, yLabel, surface.x.invert(x)),
      move: (key, surface) => walk(id, lines, yLabel, key, surface),
    };
  }

  const atTheEnd = (lines) => `At the end: ${lines.map(({ name, value }) => `${name} ${kit.number(value.at(-1))}`).join("; ")}.`;

  function draw(lines, { end, low, high }, yLabel, surface) {
    surface.box = kit.box(surface, { top: 16 });
    const { left, right, top, bottom } = surface.box;
    const pad = (high - low || Math.abs(high) || 1) * 0.05;
    const x = (surface.x = kit.scale(0, end, left, right));
    const y = kit.scale(low - pad, high + pad, bottom, top);
    kit.axes(surface, { x, y, time: true, xLabel: "time since the start", yLabel });
    for (const { time_s, value, mark } of lines) {
      const look = mark();
      kit.line(surface, time_s.map(x), value.map(y), look, { step: true });
      surface.context.fillStyle = surface.context.strokeStyle = look.colour;
      kit.shape(surface.context, look.shape, x(time_s.at(-1)), y(value.at(-1)), 4);
    }
  }

  function held({ time_s, value }, moment) {
    const after = kit.bisect(time_s, moment);
    return value[time_s[after] === moment ? after : after - 1] ?? null;
  }

  function at(lines, what, moment) {
    if (moment < 0) return null;
    return [kit.seconds(moment), ...lines.map((line) => `${line.name}: ${what} ${kit.number(held(line, moment))}`)];
  }

  /* In fifty steps over the time of the figure. */
  function walk(id, lines, what, key, { x, box }) {
    const step = Math.min(Math.max((cursors.get(id) ?? 0) + ({ left: -1, right: 1 }[key] ?? 0), 0), 50);
    cursors.set(id, step);
    const moment = (x.to * step) / 50;
    return { x: x(moment), y: (box.top + box.bottom) / 2, lines: at(lines, what, moment) };
  }

  function tableOf(lines, value) {
    const rows = lines.flatMap((line) => line.time_s.map((time, i) => [line.name, time, line.value[i]]));
    return { columns: ["strategy", "time [s]", value], rows: rows.length, row: (i) => rows[i] };
  }

  return { atTheEnd, figure };
})();
