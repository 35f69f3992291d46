"use strict";
/* Performance profiles of a suite: on what part of the runs a policy comes within a factor of the bound. */

const profiles = (() => {
  const BEYOND = 1.05; // the axis goes so much further than the ratios
  const TICKS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 1.5, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000];

  function figuresOf({ policies }) {
    const shown = policies.filter((row) => row.drawn);
    return [
      figure(policies, shown, (row) => row.bounds, {
        id: "suite-profile",
        title: "Performance profile of makespan / bound",
        what: "makespan / bound",
        most: 2,
        says: "comes within twice the bound",
      }),
      ...(policies.some((row) => row.targets)
        ? [
            figure(policies, shown, (row) => row.targets, {
              id: "suite-target-profile",
              title: "Performance profile of time to target / bound",
              what: "time to the target / bound of the makespan",
              most: 1,
              says: "reaches the target in no more than the bound of the makespan",
            }),
          ]
        : []),
    ];
  }

  /* On what part of the runs the ratio is at most that. */
  const part = ({ ratio, part: parts }, at) => plots.held(ratio, parts, at) ?? 0;

  function figure(policies, shown, of, { id, title, what, most, says }) {
    const ratios = shown.flatMap((row) => of(row).ratio);
    const [from, to] = [Math.min(...ratios.map((ratio) => ratio / BEYOND), 1), Math.max(...ratios, 1.01) * BEYOND];
    const tip = (x, y, surface) => {
      if (!plots.inside(x, surface)) return null;
      const at = plots.clamp(surface.frame.x.invert(x), from, to);
      return [`${what} at most ${kit.number(at)}`, ...shown.map((row) => `${row.policy}: ${kit.percent(part(of(row), at))}`)];
    };
    const left = policies.length - shown.length;
    return {
      id,
      title,
      summary:
        `The part of the runs whose ${what} is at most so much; every scenario counts alike, and higher is better. ` +
        `Which policy ${says} how often: ${shown.map((row) => `${row.policy} ${kit.percent(part(of(row), most))}`).join(", ")}.` +
        (left ? ` Drawn are the best policies, the baseline and those of one's own; the table has the other ${left}.` : ""),
      height: 300,
      get legend() {
        return shown.map((row, i) => ({ name: row.policy, mark: { ...kit.mark(i), shape: null } }));
      },
      table: table(policies, of, what),
      draw: (surface) => draw(shown, of, { from, to, what }, surface),
      tip,
      move: plots.moves(id, tip),
    };
  }

  function draw(shown, of, { from, to, what }, surface) {
    surface.box = kit.box(surface, { top: 16 });
    const { left, right, top, bottom } = surface.box;
    const x = kit.scale(from, to, left, right, { log: true });
    x.ticks = () => TICKS.filter((tick) => tick >= from && tick <= to);
    const y = kit.scale(0, 1.02, bottom, top);
    surface.frame = { x, y };
    kit.axes(surface, { x, y, xLabel: `${what}, at most`, yLabel: "part of the runs", yWord: kit.percent });
    kit.clipped(surface, () => {
      shown.forEach((row, i) => {
        const { ratio, part: parts } = of(row);
        const xs = [from, ...ratio, to].map(x);
        const ys = [0, ...parts, parts.at(-1) ?? 0].map(y);
        kit.line(surface, xs, ys, kit.mark(i), { step: true });
      });
    });
  }

  /* A row per step of every policy. */
  function table(policies, of, what) {
    const rows = plots.lazy(() =>
      policies.flatMap((row) => of(row).ratio.map((ratio, i) => [row.policy, ratio, of(row).part[i]])),
    );
    return {
      columns: ["policy", what, "part of the runs"],
      get rows() {
        return rows().length;
      },
      row: (i) => rows()[i],
    };
  }

  return { figuresOf };
})();
