// Says in words whether the page's event stream is connected.
(() => {
  const live = document.getElementById("live");
  if (!live) return;
  const say = (state, text) => { live.dataset.state = state; if (live.textContent !== text) live.textContent = text; };
  const lost = () => say("lost", "connection lost: trying again");
  let up = false;
  say("wait", "connecting");
  document.addEventListener("htmx:sse:after:connection", e => {
    up = e.detail.connection.status === 200;
    up ? say("up", "live") : lost();
  });
  // Before each attempt but the first, the stream was there and is not any more.
  document.addEventListener("htmx:sse:before:connection", () => { if (up) lost(); });
  document.addEventListener("htmx:sse:error", lost);
  document.addEventListener("htmx:sse:close", () => say("off", "not live: reload for new numbers"));
  document.addEventListener("htmx:response:error", () => say("off", "not live: reload for new numbers"));
})();

// The command palette: / or Ctrl-K opens it, arrows walk through what it found.
(() => {
  const dialog = document.getElementById("palette"), input = document.getElementById("palette-q"), box = document.getElementById("palette-results");
  const links = () => [...box.querySelectorAll("a")];
  let asked = 0, wait;
  const ask = async () => {
    const me = ++asked;
    const answer = await fetch("/ui/palette?" + new URLSearchParams(new FormData(input.form)), { headers: { "HX-Request": "true" } }).catch(() => null);
    if (me !== asked) return; // a newer question is under way
    const t = document.createElement("template");
    t.innerHTML = answer && answer.ok ? await answer.text() : "<p class=trouble>weir does not answer.</p>";
    const got = t.content.querySelector("#results") || t.content;
    if (got.removeAttribute) got.removeAttribute("id");
    box.replaceChildren(got);
  };
  const show = () => {
    const here = document.getElementById("q"); // the search page has its own
    if (here) return here.focus();
    if (!dialog.open) dialog.showModal();
    input.select();
    ask();
  };
  document.addEventListener("keydown", e => {
    const typing = e.target.closest("input, textarea, select");
    if (e.key === "/" && !typing && !e.ctrlKey && !e.metaKey && !e.altKey || e.key.toLowerCase() === "k" && (e.ctrlKey || e.metaKey)) {
      e.preventDefault();
      show();
    } else if (e.key === "Escape") {
      document.querySelectorAll("details.switch[open]").forEach(d => { d.open = false; d.firstElementChild.focus(); });
    }
  });
  dialog.addEventListener("keydown", e => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (!step) return;
    e.preventDefault();
    const all = [input, ...links()];
    all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
  });
  dialog.addEventListener("click", e => { if (e.target === dialog) dialog.close(); });
  input.addEventListener("input", () => { clearTimeout(wait); wait = setTimeout(() => { wait = 0; ask(); }, 120); });
  input.form.addEventListener("submit", e => {
    const first = links()[0];
    if (first && input.value && !wait) { e.preventDefault(); first.click(); }
  });
  document.getElementById("find").addEventListener("click", e => { if (!e.ctrlKey && !e.metaKey && !e.shiftKey) { e.preventDefault(); show(); } });
  document.addEventListener("click", e => document.querySelectorAll("details.switch[open]").forEach(d => { if (!d.contains(e.target)) d.open = false; }));
})();

// On a phone the navigation scrolls sideways: to where we are.
document.querySelector('nav[aria-label="Pages"] [aria-current]')?.scrollIntoView({ block: "nearest", inline: "nearest" });

// A search's address goes on where the search is: after a restart, a reload resumes.
document.addEventListener("htmx:after:swap", () => {
  const state = document.getElementById("state");
  if (state && state.pathname === location.pathname) history.replaceState(null, "", state.href);
});
