"use strict";
/* The line of the trial that scored best: who copied whom, when, and what PBT changed then. A row for each trial that
had a part in the weights, the oldest first. */

(() => {
  const MOST_ROWS = 40; // the last ones are drawn, and the table has all
  const ROW = 40; // CSS pixels
  const REACH = 14;

  /* What a part of the line is called: the trial, its score, and what was changed when it began. */
  function words(run, { trial, source, score, iterations, changed }, metric) {
    const name = run.trials[trial].id;
    const from = source === null ? "began afresh" : `copied ${run.trials[source].id}`;
    return { name, from, score: `${metric} ${kit.number(score)}`, changes: changes(changed), iterations };
  }

  const changes = (changed) =>
    Object.entries(changed).map(([name, [before, after]]) => `${name} ${shown(before)} → ${shown(after)}`);


  const shown = (value) => (value === null ? "none" : kit.value(value));

  /* How often others copied the trial while it had these weights. */
  function copies(run, { trial, from_s, to_s }, next) {
    const until = next ? next.from_s : to_s;
    return run.exploits.filter(({ source, time_s }) => source === trial && time_s >= from_s && time_s <= until);
  }

  function draw(of, surface) {
    const { context: c } = surface;
    surface.box = kit.box(surface, { left: 26, top: 6 });
    const { left, right, top } = surface.box;
    const x = kit.scale(...surface.time, left, right);
    kit.axes(surface, { x, time: true, xLabel: "time since the start" });
    surface.x = x;
    surface.rows = of.shown.map((part, row) => ({ part, y: top + row * ROW + 27 }));
    surface.rows.forEach(({ part, y }, row) => {
      const before = surface.rows[row - 1];
      if (before) arrow(surface, x, before, { part, y });
      bar(of, surface, x, part, y, row === of.shown.length - 1);
    });
    for (const { part, y } of surface.rows) label(of, surface, x, part, y);
    if (of.at !== null) outline(c, x, surface.rows[of.at]);
  }

  function bar(of, surface, x, part, y, isLast) {
    const { context: c, box } = surface;
    const start = plots.clamp(x(part.from_s), box.left, box.right);
    const end = plots.clamp(x(part.to_s), box.left, box.right);
    const chosen = view.trial === part.trial;
    c.fillStyle = chosen ? kit.palette.accent : kit.palette.series[isLast ? 5 : 0];
    c.fillRect(start, y - 4, Math.max(end - start, 2), 8);
    c.fillStyle = kit.palette.ink;
    for (const { time_s } of copies(of.run, part, null)) {
      const at = x(time_s);
      if (at >= box.left && at <= box.right) c.fillRect(at - 0.5, y + 4, 1.5, 5);
    }
  }

  /* From the end of what was copied to the beginning of the copy. */
  function arrow({ context: c, box }, x, before, after) {
    const from = plots.clamp(x(before.part.to_s), box.left, box.right);
    const to = plots.clamp(x(after.part.from_s), box.left, box.right);
    c.strokeStyle = c.fillStyle = kit.palette.muted;
    c.lineWidth = 1.2;
    c.beginPath();
    c.moveTo(from, before.y + 4);
    c.lineTo(to, after.y - 8);
    c.stroke();
    c.beginPath();
    c.moveTo(to, after.y - 4);
    c.lineTo(to - 4, after.y - 10);
    c.lineTo(to + 4, after.y - 10);
    c.fill();
  }

  function label(of, { context: c, box }, x, part, y) {
    const { name, score, changes } = words(of.run, part, of.metric);
    const text = plots.fitted(c, [name, score, ...changes].join(" · "), box.right - box.left - 8);
    const wide = c.measureText(text).width;
    const start = plots.clamp(x(part.from_s) + 8, box.left + 6, Math.max(box.left + 6, box.right - wide));
    c.font = kit.FONT;
    c.textAlign = "left";
    c.textBaseline = "alphabetic";
    c.lineWidth = 3;
    c.strokeStyle = kit.palette.panel;
    c.strokeText(text, start, y - 9);
    c.fillStyle = kit.palette.ink;
    c.fillText(text, start, y - 9);
  }

  function outline(c, x, { part, y }) {
    c.strokeStyle = kit.palette.accent;
    c.lineWidth = 2;
    c.strokeRect(x(part.from_s) - 2, y - 7, Math.max(x(part.to_s) - x(part.from_s), 2) + 4, 14);
  }

  function tell(of, row) {
    const { part } = row;
    const { name, from, score, changes, iterations } = words(of.run, part, of.metric);
    const number = copies(of.run, part, null).length;
    return [
      name,
      `${kit.seconds(part.from_s)} to ${kit.seconds(part.to_s)}: ${from}, trained ${kit.number(iterations)} iterations`,
      score,
      ...(changes.length ? changes : part.source === null ? [] : ["no hyperparameter was changed"]),
      ...(number ? [`others copied it ${kit.times(number)}`] : []),
    ];
  }

  const at = (y, { rows }) => rows?.find((row) => Math.abs(row.y - 4 - y) < REACH + 6) ?? null;

  /* Up and down, or left and right, go along the line. */
  function move(of, key, surface) {
    const step = key === "up" || key === "left" ? -1 : 1;
    of.at = of.at === null ? of.shown.length - 1 : plots.clamp(of.at + step, 0, of.shown.length - 1);
    const row = surface.rows[of.at];
    const { left, right } = surface.box;
    return { x: plots.clamp(surface.x(row.part.from_s), left, right), y: row.y, lines: tell(of, row) };
  }

  function summary({ run, line, shown, metric }) {
    const [first, last] = [line[0], line[line.length - 1]];
    const best = `${run.trials[last.trial].id} scored best: ${metric} ${kit.number(last.score)} at ${kit.seconds(last.to_s)}.`;
    if (line.length === 1) return `${best} Its weights are its own: it copied no other trial before.`;
    const trained = line.reduce((sum, { iterations }) => sum + iterations, 0);
    const drawn = shown.length < line.length ? ` The last ${shown.length} are drawn.` : "";
    return (
      `${best} Its weights began in ${run.trials[first.trial].id}, were copied ${kit.times(line.length - 1)} ` +
      `and trained for ${kit.number(trained)} iterations.${drawn} Ticks below a bar are other trials that copied it.`
    );
  }

  function table({ run, line }) {
    return {
      columns: ["trial", "copied", "from [s]", "to [s]", "iterations", "score", "changed"],
      rows: line.length,
      row(i) {
        const { trial, source, from_s, to_s, iterations, score, changed } = line[i];
        const copied = source === null ? null : run.trials[source].id;
        return [run.trials[trial].id, copied, from_s, to_s, iterations, score, changes(changed).join(", ")];
      },
    };
  }

  function figure(run) {
    const line = run.ancestors;
    const shown = line.slice(-MOST_ROWS);
    const of = { run, line, shown, metric: run.metric.name, at: null };
    return {
      id: "family",
      title: "Where the best weights come from",
      summary: summary(of),
      height: shown.length * ROW + 44,
      time: true,
      draw: (surface) => draw(of, surface),
      tip: (x, y, surface) => {
        const row = at(y, surface);
        return row && tell(of, row);
      },
      click(x, y, surface) {
        view.trial = at(y, surface)?.part.trial ?? null;
        figures.redraw();
      },
      move: (key, surface) => move(of, key, surface),
      escape() {
        of.at = null;
        view.trial = null;
      },
      get legend() {
        return [
          { name: "a trial that had the weights", mark: { colour: kit.palette.series[0], area: true } },
          { name: "the one that scored best", mark: { colour: kit.palette.series[5], area: true } },
        ];
      },
      table: table(of),
    };
  }

  sections.push({
    id: "family-tree",
    title: "Family tree of the winner",
    of: "run",
    order: 50,
    figures: (page, run) => (run.metric && run.ancestors.length ? [figure(run)] : []),
  });
})();
