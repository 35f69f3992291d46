"use strict";
/* What figures ask of a run again and again: `timeline(run)`, made once per run.

ofLane, ofTrial: the rows of segments of each lane and each trial, in the order of their starts. starts: those starts, a
list a lane. absent: [from, to] of when each worker was not there. changes: the exploits of each trial. arrows: {exploit,
from, to}, each end a lane and a time. glyphs: marks with the lane that they stand in. */

const timeline = (() => {
  const models = new WeakMap();

  function modelOf(run) {
    if (!models.has(run)) models.set(run, model(run));
    return models.get(run);
  }

  function model(run) {
    const { segments, lanes } = run;
    const ofLane = lanes.map(() => []);
    const ofTrial = run.trials.map(() => []);
    for (let row = 0; row < segments.rows; row++) {
      ofLane[segments.lane[row]].push(row);
      ofTrial[segments.trial[row]].push(row);
    }
    const starts = ofLane.map((rows) => Float64Array.from(rows, (row) => segments.start_s[row]));
    const made = { ofLane, ofTrial, starts, absent: absences(run), changes: changes(run) };
    made.arrows = run.exploits.map((exploit) => arrow(run, made, exploit));
    made.glyphs = run.marks.filter(({ kind }) => kind !== "resumed").map((mark) => placed(segments, made, mark));
    return made;
  }

  /* From when to when each worker was not in the cluster. */
  function absences(run) {
    const found = run.lanes.map(() => []);
    const gone = new Map(run.lanes.map((_, lane) => [lane, null]));
    for (const { kind, lane, time_s } of run.marks) {
      if (kind === "left") gone.set(lane, time_s);
      if (kind === "joined") found[lane].push([gone.get(lane) ?? 0, time_s]);
      if (kind === "joined") gone.set(lane, null);
    }
    for (const [lane, since] of gone) if (since !== null) found[lane].push([since, Infinity]);
    return found;
  }

  /* The exploits of each trial, which say what hyperparameters it had when. */
  function changes(run) {
    const found = run.trials.map(() => []);
    for (const exploit of run.exploits) found[exploit.trial].push(exploit);
    return found;
  }

  /* From where the source last trained before it was copied to where the copy first trained. */
  function arrow(run, { ofTrial }, exploit) {
    const { segments } = run;
    const upTo = (row) => segments.end_s[row] <= exploit.time_s + 2e-3;
    const from = last(ofTrial[exploit.source], upTo) ?? ofTrial[exploit.source][0];
    const next = ofTrial[exploit.trial].find((row) => segments.start_s[row] >= exploit.time_s - 2e-3);
    const to = next ?? ofTrial[exploit.trial].at(-1);
    if (from === undefined || to === undefined) return null;
    return {
      exploit,
      from: { lane: segments.lane[from], time: Math.min(segments.end_s[from], exploit.time_s) },
      to: { lane: segments.lane[to], time: next === undefined ? exploit.time_s : segments.start_s[next] },
    };
  }

  /* The last row for which it holds; it holds up to some row. */
  function last(rows, holds) {
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (holds(rows[middle])) low = middle + 1;
      else high = middle;
    }
    return rows[low - 1];
  }

  function placed(segments, { ofTrial }, mark) {
    if (mark.lane !== null) return mark;
    const row = mark.trial === null ? undefined : last(ofTrial[mark.trial], (one) => segments.start_s[one] <= mark.time_s);
    return { ...mark, lane: row === undefined ? null : segments.lane[row] };
  }

  return modelOf;
})();
