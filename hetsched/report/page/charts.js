"use strict";
/* Utilisation over time, of all workers, types of device and nodes; and what the nodes themselves measured. */

(() => {
  const MOST_LINES = 7; // more series than these are rows of shades
  const RESOURCES = {
    cpu: ["Cores in use", "of the node's cores"],
    memory: ["Memory in use", "of the node's memory"],
    gpu: ["GPUs in use", "of the time in which the GPU could have worked"],
    "gpu-memory": ["GPU memory in use", "of the GPU's memory"],
  };

  /* The mean of a series: its own, or that over the time in which it is known; null where it never is. */
  function mean({ time_s, value, mean: own }, end) {
    if (own !== null) return own;
    let [sum, known] = [0, 0];
    value.forEach((share, i) => {
      const length = (time_s[i + 1] ?? end) - time_s[i];
      if (share === null) return;
      sum += share * length;
      known += length;
    });
    return known ? sum / known : null;
  }

  const listed = (series, end) => series.map((one) => `${one.name} ${kit.percent(mean(one, end))}`).join(", ");

  /* A series has a line, or a row of shades where there are many. */
  function figure({ id, title, summary, series, end, yLabel, column, absent }) {
    const many = series.length > MOST_LINES;
    const names = series.map((one) => one.name);
    const tip = (x, y, surface) => (plots.inside(x, surface) ? tell(surface.frame.x.invert(x), y, surface) : null);

    function tell(moment, y, { box }) {
      const row = plots.clamp(Math.floor(((y - box.top) / (box.bottom - box.top)) * series.length), 0, series.length - 1);
      const told = many ? [series[row]] : series;
      const line = (one) => `${one.name}: ${word(plots.held(one.time_s, one.value, moment), absent)}`;
      return [kit.seconds(plots.clamp(moment, 0, end)), ...told.map(line)];
    }

    return {
      id,
      title,
      summary,
      height: many ? plots.clamp(series.length * 18, 120, 480) + 50 : 200,
      time: true,
      draw: (surface) => (many ? rows(surface, series, names, end) : lines(surface, series, end, yLabel)),
      tip,
      move: plots.moves(id, tip),
      get legend() {
        return many ? plots.shadeLegend([0, 0.5, 1], kit.percent, absent) : names.map((name, i) => ({ name, mark: mark(i) }));
      },
      table: table(series, end, column),
    };
  }

  const word = (share, absent) => (share === null ? absent : kit.percent(share));

  const mark = (i) => ({ ...kit.mark(i), shape: null });

  function lines(surface, series, end, yLabel) {
    const { x, y } = plots.frame(surface, { from: 0, to: 1.02, log: false }, { yLabel, yWord: kit.percent });
    kit.clipped(surface, () => {
      series.forEach(({ time_s, value }, i) => {
        const xs = time_s.flatMap((time, at) => [x(time), x(time_s[at + 1] ?? end)]);
        const ys = value.flatMap((share) => Array(2).fill(share === null ? null : y(share)));
        kit.line(surface, xs, ys, mark(i));
      });
    });
  }

  function rows(surface, series, names, end) {
    const frame = plots.frame(surface, { from: 0, to: 1, log: false }, { yWord: () => "" });
    plots.rowNames(surface, names);
    kit.clipped(surface, () => plots.shades(surface, series, end, frame));
  }

  function table(series, end, column) {
    const starts = [0];
    for (const one of series) starts.push(starts[starts.length - 1] + one.value.length);
    return {
      columns: ["of", "from [s]", "to [s]", column],
      rows: starts[starts.length - 1],
      row(i) {
        const which = kit.bisect(starts, i + 1) - 1;
        const { name, time_s, value } = series[which];
        const at = i - starts[which];
        return [name, time_s[at], time_s[at + 1] ?? end, value[at]];
      },
    };
  }

  function utilisation(run) {
    const of = (group) => run.utilisation.filter((series) => series.group === group);
    const [all, devices, nodes] = [of("all"), of("device"), of("node")];
    if (!all.length) return [];
    const shown = { end: run.end_s, yLabel: "busy", column: "busy [share]", absent: "not in the cluster" };
    const whole = `Utilisation, the time of the workers in segments / their time in the cluster: ${kit.percent(mean(all[0], run.end_s))}`;
    return [
      figure({
        id: "utilisation-devices",
        title: "Workers in a segment, all and by type of device",
        summary: `${whole}. By type: ${listed(devices, run.end_s)}; cores and shares of GPUs count by their size.`,
        series: [...all, ...devices],
        ...shown,
      }),
      figure({
        id: "utilisation-nodes",
        title: "Workers in a segment, by node",
        summary: `Utilisation of each node's workers: ${few(nodes, run.end_s)}.`,
        series: nodes,
        ...shown,
      }),
    ];
  }

  /* Some of many: the least and the most. */
  function few(series, end) {
    if (series.length <= MOST_LINES) return listed(series, end);
    const sorted = [...series].sort((a, b) => mean(a, end) - mean(b, end));
    return `least ${listed(sorted.slice(0, 1), end)}, most ${listed(sorted.slice(-1), end)}, ${series.length} nodes in all`;
  }

  function resources(run) {
    return Object.entries(RESOURCES).flatMap(([group, [title, whole]]) => {
      const series = run.resources.filter((one) => one.group === group);
      if (!series.length) return [];
      const summary = `Measured by the nodes, ${whole}, in the mean over time: ${few(series, run.end_s)}.`;
      return [figure({ id: `resources-${group}`, title, summary, series, end: run.end_s, yLabel: "used", column: "used [share]", absent: "nothing known" })];
    });
  }

  sections.push({
    id: "utilisation",
    title: "Utilisation and resources",
    of: "run",
    order: 20,
    figures: (page, run) => [...utilisation(run), ...resources(run)],
  });
})();
