"use strict";
/* A comparison: ratios to the bound, differences to the baseline by seed, the metric against time, decision times. */

const comparison = (() => {
  const times = (value) => `${kit.number(value)}x`;

  /* Seconds of a decision: from microseconds to seconds. */
  function brief(s) {
    if (s < 1e-3) return `${kit.number(s * 1e6)} µs`;
    return s < 1 ? `${kit.number(s * 1e3)} ms` : `${kit.number(s)} s`;
  }

  // of rows that differ only by rounding, the first
  const least = (rows, of) => rows.reduce((best, row) => (of(row) < of(best) * (1 - 1e-9) ? row : best));

  // ---- the makespan by the bound

  function bounds({ seeds, strategies }) {
    const best = least(strategies, (row) => row.bound_ratio.mean);
    return dots.figure({
      id: "bound-ratio",
      title: "Makespan, as a multiple of the bound",
      summary:
        `How many times the least makespan under any allocation each strategy takes; 1 cannot be beaten. ` +
        `${best.strategy} is closest, with ${times(best.bound_ratio.mean)}. ` +
        strategies.map((row) => `${row.strategy}: ${times(row.bound_ratio.mean)}`).join("; ") + ".",
      seeds,
      rows: strategies.map((row, look) => ({
        name: row.strategy,
        look,
        note: `${times(row.own_bound_ratio.mean)} the bound of its own workers`,
        values: row.bound_ratios,
        estimate: row.bound_ratio,
      })),
      reference: { value: 1, name: "the bound" },
      word: times,
      xLabel: "makespan / bound",
    });
  }

  // ---- differences to the baseline, by seed

  function differences({ baseline, seeds, strategies }) {
    const others = strategies.filter((row) => row.speedup);
    if (!others.length) return [];
    return [
      dots.figure({
        id: "differences",
        title: `Against ${baseline}, seed by seed`,
        summary:
          `The makespan of ${baseline} by that of each strategy under the same seed; above 1 the strategy is faster. ` +
          others.map((row) => `${row.strategy}: ${times(row.speedup.mean)}`).join("; ") + ".",
        seeds,
        rows: others.map((row) => ({
          name: row.strategy,
          look: strategies.indexOf(row),
          note: row.verdict,
          values: row.speedups,
          estimate: row.speedup,
        })),
        reference: { value: 1, name: "as fast as the baseline" },
        word: times,
        xLabel: "speed-up",
      }),
    ];
  }

  // ---- the metric against time

  function metric({ metric: of, strategies }) {
    const lines = strategies.flatMap(({ best_over_time: course, strategy }, i) =>
      course ? [{ ...course, name: strategy, mark: () => kit.mark(i) }] : [],
    );
    if (!lines.length) return [];
    return [
      curves.figure({
        id: "metric-over-time",
        title: `Best ${of.name} so far, against time`,
        summary: `The mean over the seeds of the best ${of.name} of any trial. ${curves.atTheEnd(lines)}`,
        lines,
        yLabel: of.name,
        value: `best ${of.name}`,
      }),
    ];
  }

  // ---- decision times

  function decisions({ strategies }) {
    const known = strategies.filter((row) => row.decision_s !== null);
    if (!known.length) return [];
    const costs = known.map((row) => row.decision_s);
    const most = known.reduce((worst, row) => (row.decision_s > worst.decision_s ? row : worst));
    return [
      dots.figure({
        id: "decision-time",
        title: "Time of a decision",
        summary: `The mean seconds of a call of the policy, on the machine of the study; they are no part of simulated time. Most takes ${most.strategy}: ${brief(most.decision_s)}.`,
        rows: strategies.map((row, look) => ({
          name: row.strategy,
          look,
          note: row.decision_s === null ? "nobody measured it" : brief(row.decision_s),
          values: [],
          estimate: row.decision_s === null ? null : { mean: row.decision_s, low: null, high: null },
        })),
        log: Math.min(...costs) > 0 && Math.max(...costs) / Math.min(...costs) > 20,
        word: brief,
        xLabel: "time of a call",
      }),
    ];
  }

  const figuresOf = (of) => [bounds(of), ...differences(of), ...metric(of), ...decisions(of)];

  return { brief, figuresOf };
})();

sections.push({
  id: "comparison",
  title: "Strategies against each other",
  of: "page",
  order: 20,
  figures: (page) => (page.comparison ? comparison.figuresOf(page.comparison) : []),
});
