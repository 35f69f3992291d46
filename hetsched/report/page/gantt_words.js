"use strict";
/* The Gantt in words: of a segment, of what happened, of the run; its legend and its table. */

const ganttWords = (() => {
  const STATES = ["ended", "lost", "running"];

  function words(run, row) {
    const { segments, lanes, trials, metric } = run;
    const trial = segments.trial[row];
    const [start, end] = [segments.start_s[row], segments.end_s[row]];
    const training = segments.train_to_s[row] - segments.train_from_s[row];
    const known = segments.state[row] === 0;
    const done = `${kit.number(segments.iterations[row])} iterations`;
    const score = segments.score[row];
    return [
      trials[trial].id,
      `segment ${segments.number[row]} on ${lanes[segments.lane[row]].worker}${known ? "" : `, ${STATES[segments.state[row]]}`}`,
      `from ${kit.seconds(start)} to ${kit.seconds(end)}: ${kit.seconds(end - start)}`,
      known ? `training ${kit.seconds(training)}, overhead ${kit.seconds(Math.max(end - start - training, 0))}` : null,
      known ? `${done}, ${kit.number(segments.total[row])} in all` : done,
      known && score !== null ? `${metric ? metric.name : "score"} ${kit.number(score)}` : null,
      settings(run, trial, start),
    ].filter(Boolean);
  }

  /* The hyperparameters that the trial had then. */
  function settings(run, trial, time) {
    const latest = timeline(run).changes[trial].findLast((exploit) => exploit.time_s <= time + 2e-3);
    const held = (latest ?? run.trials[trial]).hyperparameters;
    return Object.entries(held).map(([key, one]) => `${key} ${kit.value(one)}`).join(", ");
  }

  const copied = (run, { trial, source, time_s }) =>
    `${run.trials[trial].id} took over the weights of ${run.trials[source].id} at ${kit.seconds(time_s)}`;

  const WORDS = { lost: "segment lost", "checkpoint-lost": "checkpoint lost", draining: "is about to leave" };

  function happened(run, { kind, text, time_s, trial }) {
    const who = trial === null ? "" : `${run.trials[trial].id} `;
    return `${who}${WORDS[kind] ?? kind} at ${kit.seconds(time_s)}${text ? `: ${text}` : ""}`;
  }

  function summary(run) {
    const nodes = new Set(run.lanes.map(({ node }) => node)).size;
    const count = (n, noun) => `${kit.number(n)} ${noun}${n === 1 ? "" : "s"}`;
    const numbers = new Set(run.segments.number).size;
    const lostRows = run.segments.state.filter((state) => state === 1).length;
    const running = run.segments.state.filter((state) => state === 2).length;
    const parts = [
      `${count(run.lanes.length, "worker")} on ${count(nodes, "node")}`,
      count(run.trials.length, "trial"),
      count(numbers, "segment"),
      count(run.exploits.length, "exploit"),
      ...(lostRows ? [`${kit.number(lostRows)} lost`] : []),
      ...(running ? [`${kit.number(running)} running`] : []),
    ];
    const bound = run.bound_s === null ? "" : ` No schedule takes less than ${kit.seconds(run.bound_s)}.`;
    const end = run.ended === null ? `so far ${kit.seconds(run.end_s)}` : `${kit.seconds(run.end_s)} in all`;
    return `${parts.join(", ")}; ${end}.${bound}`;
  }

  function legend(run) {
    const grey = kit.palette.muted;
    const has = new Set(run.marks.map(({ kind }) => kind));
    const sample = (text, drawIt) => ({ name: text, mark: { colour: grey, draw: drawIt } });
    const states = new Set(run.segments.state);
    return [
      sample("training, with overhead before and after", (c) => {
        c.fillRect(1, 5, 24, 4);
        c.fillRect(7, 1, 12, 12);
      }),
      sample("many short segments: as high as busy", (c) => [3, 8, 11, 6, 10].forEach((h, i) => c.fillRect(2 + 4 * i, 13 - h, 4, h))),
      ...(states.has(1) ? [sample("lost segment", (c) => ganttSigns.lost(c, 1, 1, 24, 12))] : []),
      ...(states.has(2) ? [sample("runs still", (c) => (c.fillRect(1, 1, 22, 12), ganttSigns.open(c, 24, 1, 12)))] : []),
      ...(run.exploits.length ? [sample("exploit: from source to copy", ganttSigns.arrowSample)] : []),
      ...(run.bound_s === null ? [] : [{ name: "lower bound", mark: { colour: kit.palette.accent, dash: [7, 4] } }]),
      ...(has.has("resumed") ? [{ name: "resumed", mark: { colour: kit.palette.ink, dash: [2, 3] } }] : []),
      ...ganttSigns.kinds.filter((kind) => has.has(kind)).map((kind) => sample(LEGEND[kind], (c) => ganttSigns.glyph(c, kind, 13, 7, 4))),
    ];
  }

  const LEGEND = {
    joined: "worker joined", left: "worker left", draining: "notice that a worker will leave", slowed: "worker slowed",
    recovered: "worker recovered",
    lost: "segment lost", "checkpoint-lost": "checkpoint lost", completed: "trial completed",
  };

  function table(run) {
    const { segments, lanes, trials } = run;
    const training = (row) => segments.train_to_s[row] - segments.train_from_s[row];
    const round = (s) => Math.round(s * 1000) / 1000;
    return {
      columns: ["segment", "trial", "worker", "start [s]", "end [s]", "training [s]", "iterations", "in all", "score", "state"],
      rows: segments.rows,
      row: (row) => [
        segments.number[row], trials[segments.trial[row]].id, lanes[segments.lane[row]].worker, segments.start_s[row],
        segments.end_s[row], segments.state[row] === 0 ? round(training(row)) : null, segments.iterations[row],
        segments.total[row], segments.score[row], STATES[segments.state[row]],
      ],
    };
  }

  return { copied, happened, legend, summary, table, words };
})();
