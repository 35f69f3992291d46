"use strict";
/* What the charts of a run show, worked out from the document: no drawing here. Trials are positions in `run.trials`. */

const chartData = (() => {
  /* More trials than these are shown as a band, or by how many there are, and not each by a line of its own. */
  const MOST_LINES = 300;
  const COLUMNS = 80;

  /* Worked out once for each run. */
  function perRun(make) {
    const made = new WeakMap();
    return (run) => {
      if (!made.has(run)) made.set(run, make(run));
      return made.get(run);
    };
  }

  /* The rows of segments that ended, one per segment (a gang has a row per worker), in the order of their ends. */
  const finished = perRun((run) => {
    const { number, state, end_s } = run.segments;
    const seen = new Set();
    const rows = [];
    for (let row = 0; row < number.length; row++) {
      if (state[row] !== 0 || seen.has(number[row])) continue;
      seen.add(number[row]);
      rows.push(row);
    }
    return rows.sort((a, b) => end_s[a] - end_s[b] || a - b);
  });

  /* Everything that changed a trial's score or count, by trial, in order of time: {time, score,
  total, source, lost}. `source` is the trial that it copied; `lost`: its checkpoint was. */
  const histories = perRun((run) => {
    const { trial, end_s, total, score } = run.segments;
    const of = run.trials.map(() => []);
    for (const row of finished(run))
      of[trial[row]].push({ time: end_s[row], score: score[row], total: total[row], source: null, lost: false });
    for (const exploit of run.exploits)
      of[exploit.trial].push({
        time: exploit.time_s, score: exploit.score, total: exploit.iterations, source: exploit.source, lost: false,
      });
    for (const mark of run.marks)
      if (mark.kind === "checkpoint-lost" && mark.trial != null)
        of[mark.trial].push({ time: mark.time_s, score: null, total: null, source: null, lost: true });
    // A copy follows the segment that ended at the same moment: sort is stable, and segments were put in first.
    for (const history of of) history.sort((a, b) => a.time - b.time);
    return of;
  });

  /* The trial's score as lines over time or over iterations. A jump is a line of its own, from what the trial had to
  what it took over; a lost checkpoint and an unknown score end a line. */
  function course(history, by) {
    const lines = [];
    const jumps = [];
    let line = [];
    let last = null;
    const cut = () => {
      if (line.length) lines.push(line);
      line = [];
    };
    for (const change of history) {
      if (change.lost || change.score === null) {
        cut();
        last = null;
        continue;
      }
      const point = { x: by === "time" ? change.time : change.total, y: change.score };
      if (change.source !== null) {
        cut();
        jumps.push({ from: last, to: point, source: change.source, time: change.time });
      }
      line.push(point);
      last = point;
    }
    cut();
    return { lines, jumps };
  }

  /* The scores that the members reported, in the order of x: columns {x, y, trial}. */
  function scores(run, members, by) {
    const { trial, end_s, total, score } = run.segments;
    const along = by === "time" ? end_s : total;
    const rows = finished(run).filter((row) => members.has(trial[row]) && score[row] !== null);
    if (by !== "time") rows.sort((a, b) => along[a] - along[b]);
    const column = (of) => Float64Array.from(rows, (row) => of[row]);
    return { x: column(along), y: column(score), trial: Uint32Array.from(rows, (row) => trial[row]) };
  }

  /* The best score so far: {x, y, trial} at every improvement. */
  function bestSoFar({ x, y, trial }, mode) {
    const better = mode === "max" ? (a, b) => a > b : (a, b) => a < b;
    const best = [];
    for (let row = 0; row < x.length; row++) {
      const last = best[best.length - 1];
      if (last && !better(y[row], last.y)) continue;
      if (last && last.x === x[row]) best.pop();
      best.push({ x: x[row], y: y[row], trial: trial[row] });
    }
    return best;
  }

  /* The value below which that part of the sorted values lies, between two of them in proportion. */
  function quantile(sorted, part) {
    const at = part * (sorted.length - 1);
    const low = Math.floor(at);
    const high = Math.min(low + 1, sorted.length - 1);
    return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
  }

  /* Of the scores that were reported in each of equal parts of the axis from `from` to `to`: their number `n` and their
  quantiles `low`, `lower`, `middle`, `upper`, `high` (5, 25, 50, 75 and 95%). Parts without a score are left out; a
  score at the edge of two parts is in the one that ends there. */
  function band({ x, y }, from, to, columns = COLUMNS) {
    const width = (to - from) / columns || 1;
    const parts = [];
    let row = kit.bisect(x, from);
    for (let number = 0; number < columns; number++) {
      const end = from + (number + 1) * width;
      const first = row;
      while (row < x.length && x[row] <= end + 1e-9 * width) row++;
      if (row === first) continue;
      const sorted = y.slice(first, row).sort();
      const [low, lower, middle, upper, high] = [0.05, 0.25, 0.5, 0.75, 0.95].map((part) => quantile(sorted, part));
      parts.push({ from: end - width, to: end, n: sorted.length, low, lower, middle, upper, high });
    }
    return parts;
  }

  /* Until when each trial was there: to its last segment if it is completed, to the end of the run if not. */
  const ends = perRun((run) => {
    const last = run.trials.map((trial) => trial.added_s);
    const { trial, end_s } = run.segments;
    for (let row = 0; row < trial.length; row++) last[trial[row]] = Math.max(last[trial[row]], end_s[row]);
    return run.trials.map((trial, place) => (trial.status === "completed" ? last[place] : run.end_s));
  });

  /* A hyperparameter of every trial over time: a list of {from, to, value} per trial, in the order of time. */
  function values(run, members, name) {
    const until = ends(run);
    const steps = new Map();
    for (const trial of members) {
      const { added_s, hyperparameters } = run.trials[trial];
      steps.set(trial, [{ from: added_s, to: until[trial], value: hyperparameters[name] }]);
    }
    for (const { trial, time_s, hyperparameters } of run.exploits) {
      if (!steps.has(trial)) continue;
      const list = steps.get(trial);
      const open = list[list.length - 1];
      if (hyperparameters[name] === open.value) continue;
      open.to = time_s;
      list.push({ from: time_s, to: Math.max(time_s, until[trial]), value: hyperparameters[name] });
    }
    for (const [trial, list] of steps) {
      const known = list.filter((step) => step.value != null);
      if (known.length) steps.set(trial, known);
      else steps.delete(trial);
    }
    return steps;
  }

  /* How the hyperparameter is drawn: as the search space says, or as its values suggest. */
  function scaleOf(run, members, name) {
    const axes = run.experiments.map((experiment) => experiment.hyperparameters[name]).filter(Boolean);
    const all = allValues(run, members, name);
    const numbers = all.every((value) => typeof value === "number");
    if (!numbers || axes.some((axis) => axis.scale === "choice")) {
      const named = axes.flatMap((axis) => axis.values || []);
      return { scale: "choice", choices: distinct([...named, ...all]) };
    }
    const low = all.reduce((a, b) => Math.min(a, b), Infinity);
    const high = all.reduce((a, b) => Math.max(a, b), -Infinity);
    const log = axes.length ? axes.some((axis) => axis.scale === "log") : low > 0 && high / low >= 100;
    return { scale: log && low > 0 ? "log" : "linear", low, high };
  }

  function allValues(run, members, name) {
    const found = new Set();
    for (const trial of members) found.add(run.trials[trial].hyperparameters[name]);
    for (const { trial, hyperparameters } of run.exploits)
      if (members.has(trial)) found.add(hyperparameters[name]);
    found.delete(undefined);
    found.delete(null);
    return [...found];
  }

  function distinct(values) {
    const found = new Map();
    for (const value of values) found.set(text(value), value);
    return [...found.keys()];
  }

  /* A choice as text: a number to six digits, as the document writes it; anything else as JSON. */
  function text(value) {
    if (typeof value === "number") return String(Number(value.toPrecision(6)));
    return typeof value === "string" ? value : JSON.stringify(value);
  }

  /* How many trials have each of the choices, at the edges of equal parts of the time: {time, counts}. */
  function shares(steps, choices, [from, to], columns = COLUMNS) {
    const place = new Map(choices.map((choice, number) => [choice, number]));
    const rows = Array.from({ length: columns + 1 }, (_, number) => ({
      time: from + ((to - from) * number) / columns,
      counts: choices.map(() => 0),
    }));
    each(steps, from, to, columns, (column, value) => rows[column].counts[place.get(text(value))]++);
    return rows;
  }

  /* How many trials have a value in each cell of columns (parts of the time, at their middles) and bins (of the axis,
  by `at`: from a value to 0..1). */
  function density(steps, at, [from, to], bins, columns = COLUMNS) {
    const cells = Array.from({ length: columns }, () => new Float64Array(bins));
    const half = (to - from) / columns / 2;
    each(steps, from + half, to - half, columns - 1, (column, value) => {
      if (typeof value !== "number") return;
      cells[column][Math.min(bins - 1, Math.max(0, Math.floor(at(value) * bins)))]++;
    });
    return cells;
  }

  /* Calls `see` with every column at whose moment a trial has a value: the columns are at from, ... to. At the moment
  when it takes another value, a trial has that; at the moment when it leaves, it is still there. */
  function each(steps, from, to, columns, see) {
    const width = (to - from) / columns || 1;
    for (const list of steps.values()) {
      list.forEach((step, i) => {
        const goesOn = i + 1 < list.length;
        const last = (step.to - from) / width;
        const end = Math.min(columns, goesOn ? Math.ceil(last - 1e-9) - 1 : Math.floor(last + 1e-9));
        for (let column = Math.max(0, Math.ceil((step.from - from) / width - 1e-9)); column <= end; column++)
          see(column, step.value);
      });
    }
  }

  /* The experiments by metric: {metric, members (a set of trials), targets (scores at which trials stop)}. */
  function metrics(run) {
    const groups = new Map();
    const home = new Map();
    for (const experiment of run.experiments) {
      const key = `${experiment.metric.name} ${experiment.metric.mode}`;
      if (!groups.has(key)) groups.set(key, { metric: experiment.metric, members: new Set(), targets: new Set() });
      const group = groups.get(key);
      if (experiment.stop_score !== null) group.targets.add(experiment.stop_score);
      home.set(experiment.id, group);
    }
    run.trials.forEach((trial, place) => home.get(trial.experiment)?.members.add(place));
    return [...groups.values()].filter((group) => group.members.size);
  }

  /* The names of hyperparameters that differ between trials or over time, in the order of the search spaces. */
  function searched(run) {
    const names = new Set(run.experiments.flatMap((experiment) => Object.keys(experiment.hyperparameters)));
    const first = new Map();
    const look = (hyperparameters) => {
      for (const [name, value] of Object.entries(hyperparameters)) {
        const known = text(value);
        if (!first.has(name)) first.set(name, known);
        else if (first.get(name) !== known) names.add(name);
      }
    };
    for (const trial of run.trials) look(trial.hyperparameters);
    for (const exploit of run.exploits) look(exploit.hyperparameters);
    return [...names];
  }

  return {
    MOST_LINES, band, bestSoFar, course, density, histories, metrics, scaleOf, scores, searched, shares, text, values,
  };
})();
