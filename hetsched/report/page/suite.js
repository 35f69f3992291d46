"use strict";
/* A suite: mean ranks with the policies that the scenarios do not tell apart, and decision time beside quality. */

const suite = (() => {
  const ROW = 19;
  const BAR = 9; // pixels from one bar of a clique to the next
  const NAME = 6.2; // pixels a letter of a name takes, about
  const cursors = new Map();

  const times = (value) => `${kit.number(value)}x`;

  /* The rows by mean rank, the best first. */
  const byRank = ({ policies, by_rank: names }) => names.map((name) => policies.find(({ policy }) => policy === name));

  // ---- the critical-difference diagram

  function ranks(of) {
    const rows = byRank(of);
    if (rows.length < 2) return [];
    const tip = (x, y, surface) => tellRank(of, rows, rowAt(rows, y, surface));
    return [
      {
        id: "suite-ranks",
        title: "Mean ranks, and who is not told apart",
        summary: rankSummary(of, rows),
        height: 44 + ROW * rows.length,
        get legend() {
          const bar = (c) => c.fillRect(11, 0, 4, 14);
          return [
            { name: "mean rank over the scenarios", mark: { colour: kit.palette.series[0], draw: (c) => kit.shape(c, "circle", 13, 7, 4) } },
            ...(of.cliques.length ? [{ name: "not told apart", mark: { colour: kit.palette.series[5], draw: bar } }] : []),
          ];
        },
        table: pairTable(of, rows),
        draw: (surface) => drawRanks(of, rows, surface),
        tip: (x, y, surface) => (plots.inside(x, surface) ? tip(x, y, surface) : null),
        move: (key, surface) => step("suite-ranks", surface.dots, key),
      },
    ];
  }

  function rankSummary({ scenarios, scenarios_needed: needed, cliques, pairs, policies }, rows) {
    const first = `1 is the best. ${rows[0].policy} has the best mean rank, ${kit.number(rows[0].rank)} of ${policies.length}.`;
    if (scenarios < needed) return `${first} ${scenarios} scenarios cannot tell ${policies.length} policies apart, whatever the figures: ${needed} are needed.`;
    const apart = pairs.filter((pair) => pair.apart).length;
    const bars = cliques.length ? "A bar joins neighbours no two of whom differ by Wilcoxon's test with Holm's correction; policies that share no bar may still not be told apart, as the table says." : "No neighbours are alike.";
    return `${first} ${kit.number(apart)} of ${kit.number(pairs.length)} pairs are told apart by ${scenarios} scenarios. ${bars}`;
  }

  function drawRanks({ cliques, by_rank: names }, rows, surface) {
    const left = 12 + NAME * Math.max(...names.map((name) => name.length));
    surface.box = kit.box(surface, { left, top: 4, right: 14 + BAR * cliques.length });
    const { context: c, box } = surface;
    const last = Math.ceil(rows.at(-1).rank);
    const x = kit.scale(0.5, last + 0.5, box.left, box.right);
    const every = last > 8 ? 5 : 1;
    x.ticks = () => Array.from({ length: last }, (_, i) => i + 1).filter((tick) => tick === 1 || tick % every === 0);
    kit.axes(surface, { x, xLabel: "mean rank, 1 is the best" });
    plots.rowNames(surface, names);
    const y = (row) => box.top + ((row + 0.5) * (box.bottom - box.top)) / rows.length;
    surface.dots = rows.map((row, i) => {
      kit.line(surface, [box.left, x(row.rank)], [y(i), y(i)], { colour: kit.palette.grid });
      c.fillStyle = kit.palette.series[0];
      kit.shape(c, "circle", x(row.rank), y(i), 4.5);
      return { row: i, x: x(row.rank), y: y(i), lines: tellRank({ cliques }, rows, i) };
    });
    c.fillStyle = kit.palette.series[5];
    cliques.forEach((clique, i) => {
      const [from, to] = [names.indexOf(clique[0]), names.indexOf(clique.at(-1))];
      c.fillRect(box.right + 6 + BAR * i, y(from) - 6, 4, y(to) - y(from) + 12);
    });
  }

  const rowAt = (rows, y, { box }) => plots.clamp(Math.floor(((y - box.top) / (box.bottom - box.top)) * rows.length), 0, rows.length - 1);

  function tellRank({ cliques }, rows, i) {
    const { policy, rank } = rows[i];
    const others = new Set(cliques.filter((clique) => clique.includes(policy)).flat());
    others.delete(policy);
    return [policy, `mean rank ${kit.number(rank)}`, ...(others.size ? [`shares a bar with ${[...others].join(", ")}`] : [])];
  }

  /* Every pair, with the p-value that tells it apart or not. */
  function pairTable({ pairs }, rows) {
    const rank = Object.fromEntries(rows.map((row) => [row.policy, row.rank]));
    return {
      columns: ["policy", "its mean rank", "other", "its mean rank", "p (Holm)", "told apart"],
      rows: pairs.length,
      row: (i) => {
        const { one, other, p_holm: p, apart } = pairs[i];
        return [one, rank[one], other, rank[other], p, apart ? "yes" : "no"];
      },
    };
  }

  // ---- decision time beside quality

  function decisions({ policies }) {
    const known = policies.filter((row) => row.decision_s > 0);
    if (known.length < 2) return [];
    const [best] = known;
    const quickest = known.reduce((least, row) => (row.decision_s < least.decision_s ? row : least));
    return [
      {
        id: "suite-decisions",
        title: "Time of a decision beside quality",
        summary:
          `The mean time of a call of the policy on this host, and makespan / bound, the interquartile mean over the scenarios; down and to the left is better. ` +
          `${best.policy} comes closest to the bound, ${times(best.bound_ratio.mean)}, with ${comparison.brief(best.decision_s)} a call; ` +
          `${quickest.policy} decides quickest, ${comparison.brief(quickest.decision_s)}, and takes ${times(quickest.bound_ratio.mean)}.`,
        height: (width) => Math.min(420, Math.max(300, width * 0.5)),
        table: {
          columns: ["policy", "time of a call [s]", "makespan / bound", "from", "to"],
          rows: policies.length,
          row: (i) => {
            const { policy, decision_s: cost, bound_ratio: ratio } = policies[i];
            return [policy, cost, ratio.mean, ratio.low, ratio.high];
          },
        },
        draw: (surface) => scatter(known, surface),
        tip: (x, y, surface) => dots.nearest(surface.dots, x, y)?.lines ?? null,
        move: (key, surface) => step("suite-decisions", surface.dots, key),
      },
    ];
  }

  function scatter(rows, surface) {
    surface.box = kit.box(surface, { top: 16 });
    const { left, right, top, bottom } = surface.box;
    const around = (values) => [Math.min(...values), Math.max(...values)];
    const [quick, slow] = around(rows.map((row) => row.decision_s));
    const [low, high] = around(rows.map((row) => row.bound_ratio.mean));
    const pad = (high - low || high) * 0.08;
    const x = kit.scale(quick / 1.6, slow * 1.6, left, right, { log: true });
    const y = kit.scale(low - pad, high + pad, bottom, top);
    kit.axes(surface, { x, y, xWord: comparison.brief, xLabel: "time of a call", yLabel: "makespan / bound" });
    surface.dots = rows.map((row, i) => ({
      row: i,
      x: x(row.decision_s),
      y: y(row.bound_ratio.mean),
      lines: [row.policy, `${times(row.bound_ratio.mean)} the bound`, `${comparison.brief(row.decision_s)} a call`],
    }));
    for (const point of surface.dots) {
      surface.context.fillStyle = kit.palette.series[0];
      kit.shape(surface.context, "circle", point.x, point.y, 4.5);
    }
    names(surface);
  }

  /* The names of dots, where there is room for them: at the right, the left, above or below. */
  function names({ context: c, box, dots: points }) {
    const taken = points.map(({ x, y }) => ({ from: x - 5, to: x + 5, top: y - 5, bottom: y + 5 }));
    const free = (a) => a.from >= box.left && a.to <= box.right && taken.every((b) => a.to < b.from || a.from > b.to || a.bottom < b.top || a.top > b.bottom);
    c.font = kit.FONT;
    c.fillStyle = kit.palette.ink;
    c.textAlign = "left";
    c.textBaseline = "middle";
    for (const { x, y, lines } of points) {
      const width = c.measureText(lines[0]).width;
      const spots = [[x + 8, y], [x - 8 - width, y], [x - width / 2, y - 12], [x - width / 2, y + 12]];
      const at = spots.map(([from, middle]) => ({ from, to: from + width, top: middle - 6, bottom: middle + 6 })).find(free);
      if (!at) continue;
      taken.push(at);
      c.fillText(lines[0], at.from, at.top + 6);
    }
  }

  /* The dot that the keys go to next. */
  function step(id, points, key) {
    const old = cursors.get(id);
    const at = old === undefined ? 0 : dots.stepped(points, Math.min(old, points.length - 1), key);
    cursors.set(id, at);
    return points[at] ?? null;
  }

  return { figuresOf: (of) => [...ranks(of), ...profiles.figuresOf(of), ...decisions(of)] };
})();

sections.push({
  id: "suite",
  title: "Policies over the scenarios",
  of: "page",
  order: 20,
  figures: (page) => (page.suite ? suite.figuresOf(page.suite) : []),
});
