"use strict";
/* A validation: errors of the predicted makespan, predicted against measured, scores over time, and both Gantt charts on
one time axis. */

const validation = (() => {
  const percent = (value) => `${value > 0 ? "+" : ""}${kit.number(Math.round(value * 100) / 100 || 0)}%`;

  function errors({ strategies, mean_error_percent: mean }) {
    const known = strategies.filter((row) => row.error_percent);
    if (!known.length) return [];
    return [
      dots.figure({
        id: "errors",
        title: "Error of the predicted makespan",
        summary:
          `(predicted - measured) / measured, in percent; below 0 the prediction is too short. The mean absolute error is ${kit.number(mean)}%. ` +
          known.map((row) => `${row.strategy}: ${percent(row.error_percent.mean)}`).join("; ") + ".",
        rows: known.map((row) => ({
          name: row.strategy,
          look: strategies.indexOf(row),
          note: `${kit.seconds(row.predicted_s)} predicted, ${kit.seconds(row.measured_s)} measured, ${kit.percent(row.same_decisions)} of the decisions alike`,
          values: [],
          estimate: row.error_percent,
        })),
        reference: { value: 0, name: "no error" },
        word: percent,
        xLabel: "error",
      }),
    ];
  }

  // ---- predicted against measured

  const cursor = { at: 0 };

  function order({ strategies, kendall_tau: tau }) {
    const agreement =
      tau === null ? "" : ` Kendall's tau of the two orders is ${kit.number(tau)}: 1 is the same order, -1 the opposite one.`;
    const apart = (one, other) => (Math.abs(one - other) > 1e-9 * Math.abs(other) ? one - other : 0);
    const inOrder = (by) => [...strategies].sort((a, b) => apart(a[by], b[by])).map(({ strategy }) => strategy).join(", ");
    return {
      id: "predicted-measured",
      title: "Predicted against measured makespan",
      summary: `Fastest first, as predicted: ${inOrder("predicted_s")}; as measured: ${inOrder("measured_s")}.${agreement}`,
      height: (width) => Math.min(360, width * 0.8),
      get legend() {
        return [
          ...strategies.map(({ strategy }, i) => ({ name: strategy, mark: { ...kit.mark(i), dash: [] } })),
          { name: "predicted as measured", mark: { colour: kit.palette.accent, dash: [7, 4] } },
        ];
      },
      table: {
        columns: ["strategy", "predicted [s]", "measured [s]", "error [%]", "predicted score", "measured score", "decisions alike"],
        rows: strategies.length,
        row: (i) => {
          const row = strategies[i];
          return [row.strategy, row.predicted_s, row.measured_s, row.error_percent?.mean ?? null, row.predicted_score, row.measured_score, row.same_decisions];
        },
      },
      draw: (surface) => scatter(strategies, surface),
      tip: (x, y, surface) => dots.nearest(surface.dots, x, y)?.lines ?? null,
      move: (key, { dots: points }) => points[(cursor.at = dots.stepped(points, cursor.at, key))] ?? null,
    };
  }

  function scatter(strategies, surface) {
    const all = strategies.flatMap((row) => [row.predicted_s, row.measured_s]);
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const pad = (high - low || high || 1) * 0.1;
    surface.box = kit.box(surface, { top: 16 });
    const { left, right, top, bottom } = surface.box;
    const x = kit.scale(low - pad, high + pad, left, right);
    const y = kit.scale(low - pad, high + pad, bottom, top);
    kit.axes(surface, { x, y, xLabel: "measured [s]", yLabel: "predicted [s]" });
    kit.line(surface, [left, right], [bottom, top], { colour: kit.palette.accent, dash: [7, 4] });
    surface.dots = strategies.map((row, i) => {
      const mark = kit.mark(i);
      const point = { row: i, x: x(row.measured_s), y: y(row.predicted_s) };
      surface.context.fillStyle = surface.context.strokeStyle = mark.colour;
      surface.context.lineWidth = 2;
      kit.shape(surface.context, mark.shape, point.x, point.y, 6);
      return { ...point, lines: [row.strategy, `predicted ${kit.seconds(row.predicted_s)}`, `measured ${kit.seconds(row.measured_s)}`] };
    });
  }

  // ---- scores over time

  function scores({ strategies }, which, title, what) {
    const known = strategies.flatMap((row, i) => (row[which] ? [{ row, i }] : []));
    if (!known.length) return [];
    const { name } = known[0].row[which].measured;
    const lines = known.flatMap(({ row, i }) => [
      { ...row[which].predicted, name: `${row.strategy}, predicted`, mark: () => ({ ...kit.mark(i), dash: [5, 4] }) },
      { ...row[which].measured, name: `${row.strategy}, measured`, mark: () => ({ ...kit.mark(i), dash: [] }) },
    ]);
    const summary = `${what}, as a mean over the seeds. ${curves.atTheEnd(lines)}`;
    return [curves.figure({ id: `${which}-over-time`, title: `${title} ${name}, predicted and measured`, summary, lines, yLabel: name, value: name })];
  }

  // ---- both Gantt charts

  /* Of the strategy of the run that is chosen. */
  function pair(page, position) {
    const row = page.validation.strategies.find(({ predicted, measured }) => [predicted, measured].includes(position));
    if (!row) return [];
    const { seed } = page.runs[row.predicted];
    return [
      gantt(page.runs[row.predicted], { id: "gantt-predicted", title: `${row.strategy}, seed ${seed}: predicted` }),
      gantt(page.runs[row.measured], { id: "gantt-measured", title: `${row.strategy}, seed ${seed}: measured` }),
    ];
  }

  const figuresOf = (of) => [
    ...errors(of),
    order(of),
    ...scores(of, "best", "Best", "The best score of any trial so far"),
    ...scores(of, "mean", "Mean", "The mean of each trial's latest score"),
  ];

  return { figuresOf, pair };
})();

sections.push({
  id: "validation",
  title: "Predicted against measured",
  of: "page",
  order: 20,
  figures: (page) => (page.validation ? validation.figuresOf(page.validation) : []),
});

sections.push({
  id: "validation-gantt",
  title: "Who ran where, predicted and measured",
  of: "run",
  order: 9,
  figures: (page, run, view) => (page.validation ? validation.pair(page, view.run) : []),
});
