// Says in words whether the page's event stream is connected.
(() => {
  const live = document.getElementById("live");
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
