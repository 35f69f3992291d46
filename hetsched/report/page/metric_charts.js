"use strict";
/* Every trial's metric, over time and over iterations, with jumps where a trial copied another.

Up to chartData.MOST_LINES trials have a line each. Of more, a band shows the scores that were reported in each part of
the axis, with the best so far, the trial that scored best and the one that is chosen. Whoever zooms in until so many
trials are left sees their lines. */

(() => {
  const REACH = 24; // pixels within which a point is meant
  const FEW = 7; // so many trials have colours of their own

  /* What is drawn of one metric along one axis. */
  function model(run, { metric, members, targets }, by) {
    const scores = chartData.scores(run, members, by);
    const best = chartData.bestSoFar(scores, metric.mode);
    const courses = new Map();
    const course = (trial) => {
      if (!courses.has(trial)) courses.set(trial, chartData.course(chartData.histories(run)[trial], by));
      return courses.get(trial);
    };
    return {
      run, metric, by, scores, best, course,
      members: [...members],
      has: (trial) => members.has(trial),
      copies: run.exploits.reduce((sum, { trial }) => sum + members.has(trial), 0),
      targets: [...targets],
      winner: best.length ? best[best.length - 1].trial : null,
      range: plots.range([...targets, ...extremes(scores.y)]),
      end: by === "time" ? run.end_s : (scores.x[scores.x.length - 1] ?? 1),
    };
  }

  function extremes(values) {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    return values.length ? [low, high] : [];
  }

  /* The trials that get lines: all, or those of a stretch of time in which few reported; null: too many. */
  function lined({ members, scores }, [from, to]) {
    if (members.length <= chartData.MOST_LINES) return members;
    const found = new Set();
    for (let row = kit.bisect(scores.x, from); row < scores.x.length && scores.x[row] <= to; row++) {
      found.add(scores.trial[row]);
      if (found.size > chartData.MOST_LINES) return null;
    }
    return [...found];
  }

  const span = (of, surface) => (of.by === "time" ? surface.time : [0, of.end]);

  // ---- drawing

  function draw(of, surface) {
    const across = of.by === "time" ? null : [0, of.end * 1.02];
    const xLabel = of.by === "time" ? "time since the start" : "iterations";
    const frame = plots.frame(surface, of.range, { across, xLabel, yLabel: of.metric.name });
    const trials = lined(of, span(of, surface));
    surface.trials = trials;
    surface.parts = trials ? null : chartData.band(of.scores, ...span(of, surface));
    kit.clipped(surface, () => {
      if (trials) for (const trial of trials) line(of, surface, frame, trial, ordinary(of, trials, trial));
      else band(surface, frame, surface.parts);
      for (const target of of.targets) level(surface, frame, target);
      bestLine(of, surface, frame);
      if (of.winner !== null) line(of, surface, frame, of.winner, special.winner());
      if (of.has(view.trial)) line(of, surface, frame, view.trial, special.chosen());
    });
  }

  const special = {
    winner: () => ({ colour: kit.palette.series[5], width: 2.4, dot: 2.2 }),
    chosen: () => ({ colour: kit.palette.accent, width: 2.4, dot: 3, dash: [7, 3] }),
    best: () => ({ colour: kit.palette.ink, dash: [2, 3] }),
    target: () => ({ colour: kit.palette.bad, dash: [10, 4] }),
    jump: () => ({ colour: kit.palette.muted, dash: [2, 3] }),
  };

  const ordinary = (of, trials, trial) =>
    of.members.length <= FEW
      ? { ...kit.mark(of.members.indexOf(trial)), width: 1.4, dot: 3 }
      : { colour: kit.palette.muted, width: 0.8, dot: trials.length <= 60 ? 1.5 : 0, alpha: trials.length <= 60 ? 0.7 : 0.4 };

  function line(of, surface, { x, y }, trial, { colour, dash = [], width, dot, alpha = 1, shape = "circle" }) {
    const c = surface.context;
    const { lines, jumps } = of.course(trial);
    c.globalAlpha = alpha;
    for (const { from, to } of jumps) {
      if (from) kit.line(surface, [x(from.x), x(to.x)], [y(from.y), y(to.y)], { colour, dash: [2, 3] }, { width });
      c.fillStyle = c.strokeStyle = colour;
      kit.shape(c, "triangle", x(to.x), y(to.y), Math.max(dot + 1.5, 2));
    }
    for (const points of lines) {
      const xs = points.map((point) => x(point.x));
      const ys = points.map((point) => y(point.y));
      kit.line(surface, xs, ys, { colour, dash }, { width });
      c.fillStyle = c.strokeStyle = colour;
      if (dot) xs.forEach((px, i) => kit.shape(c, shape, px, ys[i], dot));
    }
    c.globalAlpha = 1;
  }

  function band(surface, { x, y }, parts) {
    const c = surface.context;
    c.fillStyle = kit.palette.series[0];
    for (const [alpha, below, above] of [[0.18, "low", "high"], [0.32, "lower", "upper"]]) {
      c.globalAlpha = alpha;
      for (const part of parts)
        c.fillRect(x(part.from), y(part[above]), x(part.to) - x(part.from), Math.max(y(part[below]) - y(part[above]), 1));
    }
    c.globalAlpha = 1;
    const xs = parts.map((part) => x((part.from + part.to) / 2));
    kit.line(surface, xs, parts.map((part) => y(part.middle)), { colour: kit.palette.series[0] });
  }

  function level(surface, { y }, target) {
    const { left, right } = surface.box;
    kit.line(surface, [left, right], [y(target), y(target)], special.target(), { width: 1 });
  }

  function bestLine({ best, end }, surface, { x, y }) {
    const last = best[best.length - 1];
    const points = last ? [...best, { x: end, y: last.y }] : [];
    kit.line(surface, points.map((p) => x(p.x)), points.map((p) => y(p.y)), special.best(), { step: true });
  }

  // ---- what is told of it

  const along = (of, x) => (of.by === "time" ? kit.seconds(x) : `${kit.number(Math.round(x))} iterations`);

  function tip(of, px, py, surface) {
    if (!plots.inside(px, surface)) return null;
    return surface.trials ? tellPoint(of, nearest(of, px, py, surface)) : tellPart(of, px, surface);
  }

  function nearest(of, px, py, { frame: { x, y }, trials }) {
    let found = null;
    let least = REACH ** 2;
    const look = (trial, point, jump) => {
      const far = (x(point.x) - px) ** 2 + (y(point.y) - py) ** 2;
      if (far < least) [least, found] = [far, { trial, point, jump }];
    };
    for (const trial of trials) {
      const { lines, jumps } = of.course(trial);
      for (const points of lines) for (const point of points) look(trial, point, null);
      for (const jump of jumps) look(trial, jump.to, jump);
    }
    return found;
  }

  function tellPoint(of, found) {
    if (!found) return null;
    const { trial, point, jump } = found;
    const { trials } = of.run;
    const copied = jump ? [`copied ${trials[jump.source].id} at ${kit.seconds(jump.time)}`] : [];
    return [trials[trial].id, `${of.metric.name} ${kit.number(point.y)}`, along(of, point.x), ...copied];
  }

  function tellPart(of, px, { frame, parts }) {
    const at = frame.x.invert(px);
    const part = parts.find(({ from, to }) => at > from && at <= to);
    if (!part) return null;
    const [low, high] = [part.low, part.high].map(kit.number);
    return [
      `${along(of, part.from)} to ${along(of, part.to)}`,
      `${kit.number(part.n)} scores, the middle one ${kit.number(part.middle)}`,
      `90% from ${low} to ${high}, half from ${kit.number(part.lower)} to ${kit.number(part.upper)}`,
    ];
  }

  /* Left and right go along the chosen trial, or the winner; up and down choose another trial. */
  function moves(of, id) {
    let place = -1;
    const through = plots.moves(id, (px, py, surface) => tip(of, px, py, surface));
    return (key, surface) => {
      if (!surface.trials?.length) return through(key, surface);
      const { trials, frame } = surface;
      let at = Math.max(0, trials.indexOf(view.trial ?? of.winner));
      if (key === "up" || key === "down") {
        at = (at + (key === "up" ? -1 : 1) + trials.length) % trials.length;
        view.trial = trials[at];
        place = -1;
        figures.redraw();
      }
      const points = of.course(trials[at]).lines.flat();
      if (!points.length) return null;
      place = plots.clamp(place + (key === "left" ? -1 : 1), 0, points.length - 1);
      const point = points[place];
      const jump = of.course(trials[at]).jumps.find((one) => one.to === point) ?? null;
      return { x: frame.x(point.x), y: frame.y(point.y), lines: tellPoint(of, { trial: trials[at], point, jump }) };
    };
  }

  function click(of, px, py, surface) {
    if (!surface.trials) return;
    view.trial = nearest(of, px, py, surface)?.trial ?? null;
    figures.redraw();
  }

  function legend(of) {
    const few = of.members.length <= FEW;
    const each = of.members.map((trial, i) => ({ name: of.run.trials[trial].id, mark: kit.mark(i) }));
    const blue = kit.palette.series[0];
    const many =
      of.members.length <= chartData.MOST_LINES
        ? [{ name: "a trial", mark: { colour: kit.palette.muted } }]
        : [{ name: "scores reported: 90%, half, the middle one", mark: { colour: blue, draw: bandSample } }];
    return [
      ...(few ? each : many),
      ...(of.winner === null ? [] : [{ name: `best trial, ${of.run.trials[of.winner].id}`, mark: special.winner() }]),
      { name: "best so far", mark: special.best() },
      ...(of.copies ? [{ name: "copied another trial", mark: { ...special.jump(), shape: "triangle" } }] : []),
      ...(of.targets.length ? [{ name: "a trial stops", mark: special.target() }] : []),
      { name: "chosen trial", mark: special.chosen() },
    ];
  }

  function bandSample(c) {
    for (const [alpha, y, height] of [[0.18, 0, 14], [0.32, 4, 6], [1, 6, 2]]) {
      c.globalAlpha = alpha;
      c.fillRect(0, y, 26, height);
    }
  }

  function summary(of) {
    const { run, metric, members, copies, best } = of;
    const last = best[best.length - 1];
    const count = `${kit.number(members.length)} trials; the ${metric.mode === "max" ? "larger" : "smaller"}, the better.`;
    const many =
      members.length > chartData.MOST_LINES ? " They are a band: zoom in on few trials to see their lines." : "";
    const top = `The best ${metric.name} is ${kit.number(last.y)}, of ${run.trials[last.trial].id}`;
    const when = of.by === "time" ? `at ${kit.seconds(last.x)}` : `after ${kit.number(last.x)} iterations`;
    return `${count}${many} ${top} ${when}. Trials copied others ${kit.times(copies)}.`;
  }

  function table({ run, members }) {
    const rows = plots.lazy(() => {
      const histories = chartData.histories(run);
      return members.flatMap((trial) => histories[trial].map((change) => [trial, change]));
    });
    const what = ({ source, lost }) =>
      lost ? "lost its checkpoint" : source === null ? "segment" : `copied ${run.trials[source].id}`;
    return {
      columns: ["trial", "time [s]", "iterations", "score", "by"],
      get rows() {
        return rows().length;
      },
      row(i) {
        const [trial, change] = rows()[i];
        return [run.trials[trial].id, change.time, change.total, change.score, what(change)];
      },
    };
  }

  function figure(run, group, by, id) {
    const of = model(run, group, by);
    if (!of.best.length) return null;
    return {
      id,
      title: `${group.metric.name} over ${by}`,
      summary: summary(of),
      height: 320,
      time: by === "time",
      draw: (surface) => draw(of, surface),
      tip: (x, y, surface) => tip(of, x, y, surface),
      click: (x, y, surface) => click(of, x, y, surface),
      move: moves(of, id),
      escape: () => (view.trial = null),
      get legend() {
        return legend(of);
      },
      table: table(of),
    };
  }

  sections.push({
    id: "metric",
    title: "Scores",
    of: "run",
    order: 30,
    figures: (page, run) =>
      chartData
        .metrics(run)
        .flatMap((group, number) => ["time", "iterations"].map((by) => figure(run, group, by, `metric-${number}-${by}`)))
        .filter(Boolean),
  });
})();
