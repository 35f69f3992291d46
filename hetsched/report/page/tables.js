"use strict";
/* The tables of the terminal, as they are. That of a validation is long, and comes after the figures. */

(() => {
  const figuresOf = ({ tables }) =>
    tables.map(({ title, columns, numbers, rows }, i) => ({
      id: `table-${i}`,
      title,
      table: { columns, numbers, rows: rows.length, row: (at) => rows[at] },
    }));

  const title = "As the terminal shows it";
  sections.push({ id: "tables", title, of: "page", order: 10, figures: (page) => (page.validation ? [] : figuresOf(page)) });
  sections.push({ id: "all-figures", title, of: "page", order: 30, figures: (page) => (page.validation ? figuresOf(page) : []) });
})();
