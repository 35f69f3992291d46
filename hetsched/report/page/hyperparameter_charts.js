"use strict";
/* Hyperparameters over time. Numbers are lines of the trials, or shades of how many trials have them where there are
more than chartData.MOST_LINES; choices are how many trials have each. */

(() => {
  const MOST_FIGURES = 16;
  const BINS = 40;

  function model(run, name) {
    const members = run.trials.map((_, trial) => trial);
    const scale = chartData.scaleOf(run, new Set(members), name);
    const { trial: winner = null } = run.ancestors[run.ancestors.length - 1] ?? {};
    const range = scale.scale === "choice" ? null : plots.range([scale.low, scale.high], scale.scale === "log");
    return { run, name, winner, range, ...scale, steps: chartData.values(run, new Set(members), name) };
  }

  // ---- numbers

  function drawNumbers(of, surface) {
    const yLabel = of.scale === "log" ? `${of.name} (log)` : of.name;
    const frame = plots.frame(surface, of.range, { yLabel });
    const many = of.steps.size > chartData.MOST_LINES;
    kit.clipped(surface, () => {
      if (many) shades(of, surface, frame);
      else for (const trial of of.steps.keys()) line(of, surface, frame, trial, marks.trial());
      if (of.steps.has(of.winner)) line(of, surface, frame, of.winner, marks.winner());
      if (of.steps.has(view.trial)) line(of, surface, frame, view.trial, marks.chosen());
    });
  }

  const marks = {
    trial: () => ({ colour: kit.palette.muted, width: 0.9, alpha: 0.6 }),
    winner: () => ({ colour: kit.palette.series[5], width: 2.4 }),
    chosen: () => ({ colour: kit.palette.accent, width: 2.4, dash: [7, 3] }),
  };

  function line(of, surface, { x, y }, trial, { alpha = 1, width, ...mark }) {
    const c = surface.context;
    const steps = of.steps.get(trial).filter(({ value }) => typeof value === "number" && (!of.range.log || value > 0));
    c.globalAlpha = alpha;
    const xs = steps.flatMap(({ from, to }) => [x(from), x(to)]);
    kit.line(surface, xs, steps.flatMap(({ value }) => [y(value), y(value)]), mark, { width });
    c.globalAlpha = 1;
  }

  function cells(of, surface) {
    const at = kit.scale(of.range.from, of.range.to, 0, 1, { log: of.range.log });
    return chartData.density(of.steps, at, surface.time, BINS);
  }

  function shades(of, surface, { x, y }) {
    const c = surface.context;
    const columns = cells(of, surface);
    const most = columns.reduce((high, column) => column.reduce((a, b) => Math.max(a, b), high), 1);
    const [from, to] = surface.time;
    const left = (i) => Math.round(x(from) + ((x(to) - x(from)) * i) / columns.length);
    const top = (bin) => Math.round(y(of.range.from) + ((y(of.range.to) - y(of.range.from)) * bin) / BINS);
    c.fillStyle = kit.palette.series[0];
    columns.forEach((column, i) => {
      column.forEach((count, bin) => {
        if (!count) return;
        c.globalAlpha = 0.08 + 0.92 * Math.sqrt(count / most);
        c.fillRect(left(i), top(bin + 1), left(i + 1) - left(i), top(bin) - top(bin + 1));
      });
    });
    c.globalAlpha = 1;
  }

  /* The trials that have a value at the moment: {trial, value}. */
  function now(of, moment) {
    const found = [];
    for (const [trial, steps] of of.steps) {
      const step = steps.findLast(({ from, to }) => from <= moment && moment <= to);
      if (step) found.push({ trial, value: step.value });
    }
    return found;
  }

  function tipNumbers(of, px, py, surface) {
    if (!plots.inside(px, surface)) return null;
    const { x, y } = surface.frame;
    const moment = x.invert(px);
    const there = now(of, moment).filter(({ value }) => typeof value === "number");
    if (!there.length) return null;
    const values = there.map(({ value }) => value).sort((a, b) => a - b);
    const near = there.reduce((a, b) => (Math.abs(y(a.value) - py) <= Math.abs(y(b.value) - py) ? a : b));
    const [low, high] = [values[0], values[values.length - 1]].map(kit.number);
    return [
      kit.seconds(moment),
      `${of.run.trials[near.trial].id}: ${kit.number(near.value)}`,
      `${kit.number(values.length)} trials, from ${low} to ${high}, the middle one ${kit.number(values[values.length >> 1])}`,
    ];
  }

  function clickNumbers(of, px, py, surface) {
    const { x, y } = surface.frame;
    const there = now(of, x.invert(px)).filter(({ value }) => Math.abs(y(value) - py) < 12);
    view.trial = there.length ? there.reduce((a, b) => (Math.abs(y(a.value) - py) <= Math.abs(y(b.value) - py) ? a : b)).trial : null;
    figures.redraw();
  }

  // ---- choices

  function drawChoices(of, surface) {
    const rows = chartData.shares(of.steps, of.choices, surface.time);
    const { x, y } = plots.frame(surface, { from: 0, to: of.steps.size, log: false }, { yLabel: "trials" });
    kit.clipped(surface, (c) => {
      const below = rows.map(() => 0);
      of.choices.forEach((_, choice) => {
        const mark = kit.mark(choice);
        c.fillStyle = kit.pattern(c, mark.colour, hatch(choice), surface.pixels);
        c.beginPath();
        rows.forEach(({ time }, i) => c.lineTo(x(time), y(below[i])));
        rows.forEach(({ counts }, i) => (below[i] += counts[choice]));
        for (let i = rows.length - 1; i >= 0; i--) c.lineTo(x(rows[i].time), y(below[i]));
        c.fill();
      });
    });
  }

  /* Neighbours differ in more than colour. */
  const hatch = (choice) => ["none", "up", "dots", "down", "across"][choice % 5];

  function tipChoices(of, px, py, surface) {
    if (!plots.inside(px, surface)) return null;
    const moment = surface.frame.x.invert(px);
    const there = now(of, moment);
    const counts = of.choices.map((choice) => there.filter(({ value }) => chartData.text(value) === choice).length);
    return [kit.seconds(moment), ...of.choices.map((choice, i) => `${choice}: ${kit.number(counts[i])}`).slice(0, 12)];
  }

  // ---- both

  function legend(of) {
    if (of.scale === "choice")
      return of.choices.map((name, i) => ({ name, mark: { ...kit.mark(i), area: true, hatch: hatch(i) } }));
    const many = of.steps.size > chartData.MOST_LINES;
    const each = many
      ? { name: "the darker, the more trials", mark: { colour: kit.palette.series[0], area: true } }
      : { name: "a trial", mark: marks.trial() };
    const winner = of.winner === null ? [] : [{ name: `best trial, ${of.run.trials[of.winner].id}`, mark: marks.winner() }];
    return [each, ...winner, { name: "chosen trial", mark: marks.chosen() }];
  }

  function summary(of) {
    const changes = [...of.steps.values()].reduce((sum, steps) => sum + Math.max(0, steps.length - 1), 0);
    const ending = of.winner === null ? null : of.steps.get(of.winner)?.at(-1);
    const best = ending ? ` The best trial ended with ${kit.value(ending.value)}.` : "";
    const values = of.scale === "choice" ? `${of.choices.length} choices` : `from ${kit.number(of.low)} to ${kit.number(of.high)}`;
    return `${kit.number(of.steps.size)} trials, ${values}; changed ${kit.times(changes)}.${best}`;
  }

  function table(of) {
    const rows = plots.lazy(() => [...of.steps].flatMap(([trial, steps]) => steps.map((step) => [trial, step])));
    return {
      columns: ["trial", "from [s]", "to [s]", of.name],
      get rows() {
        return rows().length;
      },
      row(i) {
        const [trial, { from, to, value }] = rows()[i];
        return [of.run.trials[trial].id, from, to, value];
      },
    };
  }

  function figure(run, name, number) {
    const of = model(run, name);
    if (!of.steps.size) return null;
    const id = `hyperparameter-${number}`;
    const choice = of.scale === "choice";
    const tip = (x, y, surface) => (choice ? tipChoices : tipNumbers)(of, x, y, surface);
    return {
      id,
      title: name,
      summary: summary(of),
      height: choice ? 150 : 220,
      time: true,
      draw: (surface) => (choice ? drawChoices : drawNumbers)(of, surface),
      tip,
      click: choice ? undefined : (x, y, surface) => clickNumbers(of, x, y, surface),
      move: plots.moves(id, tip),
      get legend() {
        return legend(of);
      },
      table: table(of),
    };
  }

  function list(run) {
    const names = chartData.searched(run);
    const shown = names.slice(0, MOST_FIGURES).map((name, number) => figure(run, name, number)).filter(Boolean);
    if (names.length <= MOST_FIGURES) return shown;
    const left = names.slice(MOST_FIGURES);
    const table = { columns: ["name"], rows: left.length, row: (i) => [left[i]] };
    return [...shown, { id: "hyperparameters-left", title: "Further hyperparameters, not drawn", summary: "", table }];
  }

  sections.push({
    id: "hyperparameters",
    title: "Hyperparameters over time",
    of: "run",
    order: 40,
    figures: (page, run) => list(run),
  });
})();
