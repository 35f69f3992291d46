/* The table of runs and studies, which the server sends anew whenever it changes. */
(() => {
  const { element } = kit;
  const table = element("table", { id: "studies" });
  const note = element("span", { class: "hint", id: "following", role: "status" });
  table.style.overflowWrap = "break-word"; // scrolled on a small screen, not broken within words
  document.querySelector("header .tools").prepend(note);
  document.querySelector("main").append(element("div", { class: "scroll" }, table));
  const open = new Set();
  let source = null;

  const link = ({ address, name }) => element("a", { href: `/at/${address}${address ? "/" : ""}` }, name);

  function row(study) {
    const many = study.runs.length > 1;
    const time = study.runs.length === 1 ? kit.seconds(study.runs[0].now_s) : "";
    const changed = study.changed ? new Date(1000 * study.changed).toLocaleString() : "";
    const cells = [link(study), study.what, study.state, time, changed].map((cell) => element("td", {}, cell));
    return [element("tr", {}, cells), ...(many ? [element("tr", {}, element("td", { colspan: 5 }, runs(study)))] : [])];
  }

  /* The runs of a study, which may be thousands, are built when somebody asks for them. */
  function runs(study) {
    const details = element("details", {}, element("summary", {}, `The ${study.runs.length} runs`));
    const build = () => {
      if (details.open) open.add(study.address);
      else open.delete(study.address);
      if (!details.open || details.childElementCount > 1) return;
      const items = study.runs.map((run) => element("li", {}, link(run), `: ${run.strategy}, seed ${run.seed}, ${run.state}, ${kit.seconds(run.now_s)}`));
      details.append(element("ul", {}, items));
    };
    details.addEventListener("toggle", build);
    details.open = open.has(study.address);
    build();
    return details;
  }

  function show(studies) {
    const heads = ["folder", "runs", "state", "time of the run", "last written"].map((name) => element("th", { scope: "col" }, name));
    table.replaceChildren(element("tr", {}, heads), ...studies.flatMap(row));
    note.textContent = studies.length ? `As of ${new Date().toLocaleTimeString()}.` : "There is no run in this folder yet.";
  }

  function follow() {
    source?.close();
    source = null;
    if (document.hidden) return;
    source = new EventSource("/list");
    source.addEventListener("changed", (event) => show(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      const over = source.readyState === EventSource.CLOSED;
      note.textContent = over ? "The server does not know this page any more: open the address that it printed." : "The server does not answer; asking again.";
    });
  }

  document.addEventListener("visibilitychange", follow);
  follow();
})();
