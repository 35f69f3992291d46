/* Draws the newer document when the server says that the folder has changed: at most once a second, and less often where
fetching and drawing take long. A page that nobody sees asks for nothing. */
(() => {
  const place = location.pathname.slice("/at/".length);
  const note = kit.element("span", { class: "hint", id: "following", role: "status" });
  document.querySelector("header .tools").prepend(note, kit.element("a", { href: "/" }, "All runs"));
  let source = null;
  let drawing = false;
  let stale = false;

  const say = (text) => (note.textContent = text);
  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  async function draw() {
    stale = true;
    if (drawing) return;
    drawing = true;
    while (stale) {
      stale = false;
      const began = performance.now();
      await drawOnce();
      await pause(Math.max(1000, 2 * (performance.now() - began)));
    }
    drawing = false;
  }

  async function drawOnce() {
    try {
      const answer = await fetch(`/document/${place}`);
      if (!answer.ok) throw new Error(await answer.text());
      window.hetsched.show(await answer.json());
      say(`As of ${new Date().toLocaleTimeString()}.`);
    } catch (error) {
      say(`Not up to date: ${error.message}`);
    }
  }

  function follow() {
    source?.close();
    source = null;
    if (document.hidden) return;
    source = new EventSource(`/changes/${place}`);
    source.addEventListener("changed", draw);
    source.addEventListener("error", () => {
      const over = source.readyState === EventSource.CLOSED;
      say(over ? "The server does not know this page any more: open the address that it printed." : "The server does not answer; asking again.");
    });
  }

  document.addEventListener("visibilitychange", follow);
  follow();
})();
