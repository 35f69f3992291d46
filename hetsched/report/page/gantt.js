"use strict";
/* Who ran where: a lane a worker, the segments on it, and what happened. */

sections.push({ id: "gantt", title: "Who ran where", of: "run", order: 10, figures: () => [] });
