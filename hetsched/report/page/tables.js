"use strict";
/* The tables of the terminal, as they are. */

sections.push({
  id: "tables",
  title: "In one table",
  of: "page",
  order: 10,
  figures: (page) =>
    page.tables.map(({ title, columns, numbers, rows }, i) => ({
      id: `table-${i}`,
      title,
      table: { columns, numbers, rows: rows.length, row: (at) => rows[at] },
    })),
});
