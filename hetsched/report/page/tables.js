"use strict";
/* The tables of the terminal, as they are. That of a validation is long, and comes after the figures; that of a run
comes last. */

(() => {
  const figuresOf = ({ tables }) =>
    tables.map(({ title, columns, numbers, rows }, i) => ({
      id: `table-${i}`,
      title,
      table: { columns, numbers, rows: rows.length, row: (at) => rows[at] },
    }));

  /* A table is the main thing of a comparison, a plan, an ablation or of several studies, and comes first. */
  const place = (page) => (page.validation ? "after" : page.kind === "run" ? "last" : "first");
  const section = (id, where, rest) => ({
    id,
    title: "Tables",
    ...rest,
    figures: (page) => (place(page) === where ? figuresOf(page) : []),
  });

  sections.push(section("tables", "first", { of: "page", order: 10 }));
  sections.push(section("tables-after", "after", { of: "page", order: 30 }));
  sections.push(section("tables-last", "last", { of: "run", order: 90 }));
})();
