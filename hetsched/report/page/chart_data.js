// What the charts of a run show, worked out from the document: no drawing here.
//
// A trial's course is a list of points {x, y, jump}: `jump` is null, or the trial that it copied at this point.
// Courses over time have seconds as x, courses over iterations the count that the trial had.

"use strict";

const chartData = (() => {
  // More trials than these are shown as a band, or by how many there are, and not each by a line of its own.
  const MOST_LINES = 300;
  const COLUMNS = 80;

  // The rows of segments that ended, one per segment (a gang has a row per worker), in the order of their ends.
  function finished(run) {
    const { number, state, end_s } = run.segments;
    const seen = new Set();
    const rows = [];
    for (let row = 0; row < number.length; row++) {
      if (state[row] !== 0 || seen.has(number[row])) continue;
      seen.add(number[row]);
      rows.push(row);
    }
    return rows.sort((a, b) => end_s[a] - end_s[b] || a - b);
  }

  // Everything that changed a trial's score or count, by trial, in order of time: {time, score, total, source}.
  function histories(run) {
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
  }

  // The trial's score as lines over time or over iterations. A jump is a line of its own, from what the trial had to
  // what it took over; a lost checkpoint and an unknown score end a line.
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

  // The best score so far, of all trials: {x, y, trial} at every improvement, for scores that can be compared.
  function bestSoFar(run, members, by, mode) {
    const { trial, end_s, total, score } = run.segments;
    const x = by === "time" ? end_s : total;
    const better = mode === "max" ? (a, b) => a > b : (a, b) => a < b;
    const rows = finished(run).filter((row) => members.has(trial[row]) && score[row] !== null);
    rows.sort((a, b) => x[a] - x[b]);
    const best = [];
    for (const row of rows) {
      const last = best[best.length - 1];
      if (last && !better(score[row], last.y)) continue;
      if (last && last.x === x[row]) best.pop();
      best.push({ x: x[row], y: score[row], trial: trial[row] });
    }
    return best;
  }

  // The value below which that part of the sorted values lies, between two of them by the rule of three.
  function quantile(sorted, part) {
    const at = part * (sorted.length - 1);
    const low = Math.floor(at);
    const high = Math.min(low + 1, sorted.length - 1);
    return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
  }

  // Of the scores that were reported in each of equal parts of the axis: {from, to, n, low, lower, middle, upper, high}
  // are their quantiles 5, 25, 50, 75 and 95%. Parts without a score are left out.
  function band(run, members, by, end, columns = COLUMNS) {
    const { trial, end_s, total, score } = run.segments;
    const x = by === "time" ? end_s : total;
    const parts = Array.from({ length: columns }, () => []);
    const width = end / columns || 1;
    for (const row of finished(run)) {
      if (!members.has(trial[row]) || score[row] === null) continue;
      // A value at the edge of two parts is of the one that it ends.
      parts[Math.min(columns - 1, Math.max(0, Math.ceil(x[row] / width - 1e-9) - 1))].push(score[row]);
    }
    return parts.flatMap((scores, number) => {
      if (!scores.length) return [];
      const sorted = Float64Array.from(scores).sort();
      const [low, lower, middle, upper, high] = [0.05, 0.25, 0.5, 0.75, 0.95].map((part) => quantile(sorted, part));
      return [{ from: number * width, to: (number + 1) * width, n: scores.length, low, lower, middle, upper, high }];
    });
  }

  // Until when each trial was there: to its last segment if it is completed, to the end of the run if not.
  function ends(run) {
    const last = run.trials.map((trial) => trial.added_s);
    const { trial, end_s } = run.segments;
    for (let row = 0; row < trial.length; row++) last[trial[row]] = Math.max(last[trial[row]], end_s[row]);
    return run.trials.map((trial, place) => (trial.status === "completed" ? last[place] : run.end_s));
  }

  // A hyperparameter of every trial over time: a list of {from, to, value} per trial, in the order of time.
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
    for (const [trial, list] of steps)
      steps.set(trial, list.filter((step) => step.value != null));
    return steps;
  }

  // How the hyperparameter is drawn: as the search space says, or as its values suggest.
  function scaleOf(run, members, name) {
    const axes = run.experiments.map((experiment) => experiment.hyperparameters[name]).filter(Boolean);
    const all = allValues(run, members, name);
    const numbers = all.every((value) => typeof value === "number");
    if (!numbers || axes.some((axis) => axis.scale === "choice")) {
      const named = axes.flatMap((axis) => axis.values || []);
      return { scale: "choice", choices: distinct([...named, ...all]) };
    }
    const low = Math.min(...all);
    const high = Math.max(...all);
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

  // A choice as text: what is no text is written as JSON.
  function text(value) {
    return typeof value === "string" ? value : JSON.stringify(value);
  }

  // How many trials have each of the choices at the edges of equal parts of the run: {time, counts}.
  function shares(steps, choices, end, columns = COLUMNS) {
    const place = new Map(choices.map((choice, number) => [choice, number]));
    const rows = Array.from({ length: columns + 1 }, (_, n) => ({
      time: (end * n) / columns, counts: choices.map(() => 0),
    }));
    each(steps, end, columns, (column, value) => rows[column].counts[place.get(text(value))]++);
    return rows;
  }

  // How many trials have a value in each cell of columns (moments) and bins (of the axis, by `at`: value to 0..1).
  function density(steps, at, end, bins, columns = COLUMNS) {
    const cells = Array.from({ length: columns + 1 }, () => new Float64Array(bins));
    each(steps, end, columns, (column, value) => {
      if (typeof value !== "number") return;
      cells[column][Math.min(bins - 1, Math.max(0, Math.floor(at(value) * bins)))]++;
    });
    return cells;
  }

  // Calls `see` with every column at whose moment a trial has a value. Who has left is not counted.
  function each(steps, end, columns, see) {
    const width = end / columns || 1;
    for (const list of steps.values())
      for (const { from, to, value } of list) {
        const last = to >= end ? columns : Math.ceil(to / width) - 1;
        for (let column = Math.ceil(from / width); column <= last; column++) see(column, value);
      }
  }

  // The experiments by metric: {metric, members (positions of trials), targets, named (of several)}.
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

  // The names of hyperparameters that differ between trials or over time, in the order of the search spaces.
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
    MOST_LINES, COLUMNS, finished, histories, course, bestSoFar, band, ends, values, scaleOf, shares, density, metrics,
    searched, text, quantile,
  };
})();
