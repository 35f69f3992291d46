"use strict";
/* The page: what kit.js calls sections, in their order, and the same again for a newer document. */

const render = (() => {
  const { element } = kit;
  const root = document.getElementById("page");
  const kept = new Map(); // by id: sections, and figures, that are on the page

  function frame() {
    const theme = element("button", { type: "button", click: turnTheme }, "Light or dark");
    const choice = element("select", { id: "choice", change: () => choose(choice.selectedIndex) });
    const hint = element("span", { class: "hint" });
    return {
      title: element("h1"),
      remarks: element("div", { class: "remarks" }),
      facts: element("div", { class: "scroll" }),
      ofPage: element("div"),
      chosen: element("p", { class: "tools", hidden: "" }, element("label", { for: "choice" }, "One run"), choice, hint),
      hint,
      ofRun: element("div"),
      files: element("div"),
      theme,
      choice,
    };
  }

  const parts = frame();
  root.append(
    element("header", {}, parts.title, element("div", { class: "tools" }, parts.theme)),
    element("main", {}, parts.remarks, parts.facts, parts.ofPage, parts.chosen, parts.ofRun, parts.files),
  );

  function turnTheme() {
    const { dataset } = document.documentElement;
    const dark = dataset.theme ? dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    dataset.theme = dark ? "light" : "dark";
    figures.recolour();
  }

  function choose(position) {
    Object.assign(view, { run: position, from: 0, to: null, lane: 0, trial: null });
    draw(window.hetsched.document);
  }

  /* Draws the page of this document; what is on the page already keeps its zoom, focus and tables. */
  function draw(page) {
    window.hetsched.document = page;
    const run = page.runs[view.run] ?? page.runs[0] ?? null;
    view.end = Math.max(...onOneAxis(page, run).map(ending), 0) || 1;
    parts.title.textContent = page.title;
    parts.remarks.replaceChildren(...remarks(page));
    parts.facts.replaceChildren(...facts(page.facts.filter((fact) => !fact.link)));
    parts.files.replaceChildren(...files(page.facts.filter((fact) => fact.link)));
    parts.chosen.hidden = page.runs.length < 2;
    parts.hint.textContent = FIRST_SEED[page.kind] ?? "";
    if (page.runs.length !== parts.choice.length) parts.choice.replaceChildren(...page.runs.map(option));
    lay(parts.ofPage, "page", page, run);
    lay(parts.ofRun, "run", page, run);
  }

  const FIRST_SEED = {
    comparison: "Of each strategy the run under the first seed is shown, all on one time axis.",
    validation: "Of each strategy the runs under its first seed are shown, all on one time axis.",
  };

  /* What is compared is drawn on one time axis. */
  const onOneAxis = (page, run) => (["comparison", "validation"].includes(page.kind) ? page.runs : run ? [run] : []);

  /* The bound of a run that goes on may be far away. */
  const ending = ({ end_s, bound_s, ended }) => (ended === null ? end_s : Math.max(end_s, bound_s ?? 0));

  const option = (run, position) =>
    element("option", { selected: position === view.run ? "" : null }, `${run.strategy}, seed ${run.seed} (${run.backend})`);

  function remarks(page) {
    const paragraphs = Object.entries(page.remarks).filter(([, lines]) => lines.length);
    const going = page.complete ? [] : [element("p", { class: "verdict" }, "Not finished: the figures cover only what was trained.")];
    return [...going, ...paragraphs.flatMap(([heading, lines]) => [element("h3", {}, heading), ...lines.map((line) => element("p", {}, line))])];
  }

  function facts(rows) {
    if (!rows.length) return [];
    const lines = rows.map(({ name, value }) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value)));
    return [element("h3", {}, "Facts"), element("table", {}, lines)];
  }

  /* A path within the results folder, whatever is in its names. */
  const address = (path) => `./${path.split("/").map(encodeURIComponent).join("/")}`;

  function files(rows) {
    if (!rows.length) return [];
    const links = rows.map(({ name, value, link }) =>
      element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, element("a", { href: address(link) }, value))),
    );
    return [element("h2", {}, "Files"), element("table", {}, links)];
  }

  function lay(place, of, page, run) {
    const mine = of === "run" && !run ? [] : sections.filter((section) => (section.of ?? "run") === of);
    mine.sort((a, b) => a.order - b.order);
    for (const section of mine) {
      const shown = section.figures(page, run, view);
      if (!kept.has(section.id)) kept.set(section.id, { node: element("section", { id: section.id }, element("h2", {}, section.title)), figures: new Map() });
      const home = kept.get(section.id);
      place.append(...(home.node.parentNode === place ? [] : [home.node]));
      home.node.hidden = !shown.length;
      keep(home, shown);
    }
  }

  /* The figures of a section: those that are there are updated, new ones are added at the end, others go. */
  function keep(home, shown) {
    const ids = new Set(shown.map((figure) => figure.id));
    for (const [id, one] of home.figures) {
      if (ids.has(id)) continue;
      one.remove();
      home.figures.delete(id);
    }
    for (const figure of shown) {
      if (!home.figures.has(figure.id)) {
        const one = figures.mount(figure);
        home.figures.set(figure.id, one);
        home.node.append(one.node);
      }
      home.figures.get(figure.id).update(figure);
    }
  }

  return draw;
})();

window.hetsched = {
  document: null,
  view,
  figures,
  /* Draws a newer document, as encoding.py writes it. */
  show: (written) => render(kit.decode(written)),
};
kit.readPalette();
window.hetsched.show(JSON.parse(document.getElementById("document").textContent));
window.hetsched.ready_ms = performance.now();
