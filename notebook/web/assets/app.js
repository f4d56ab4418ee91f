// What needs a script: parts of shared pages that are the visitor's own, forms
// that answer in place, messages that arrive by themselves, and the footer.
"use strict";

const find = (selector, within = document) => within.querySelector(selector);

// load fetches a part of the page, which the server has escaped.
async function load(part) {
  const response = await fetch(part.dataset.part);
  if (!response.ok || response.redirected) return;
  part.innerHTML = await response.text();
  part.dataset.loaded = response.headers.get("Server-Timing") || "";
  const star = find("[data-star-count]", part), count = find("[data-stars]");
  if (star && count) count.textContent = star.dataset.starCount;
}

// A form in a part is sent without leaving the page. Success is a redirection;
// with anything else the form goes the ordinary way, which shows what is wrong.
document.addEventListener("submit", async (event) => {
  const form = event.target, part = form.closest("[data-part]");
  if (!part || !("inline" in form.dataset)) return;
  event.preventDefault();
  const action = form.getAttribute("action"), button = event.submitter;
  const body = new URLSearchParams(new FormData(form, button));
  const response = await fetch(action, { method: "POST", body, redirect: "manual" }).catch(() => null);
  if (!response || response.type !== "opaqueredirect") {
    if (button && button.name) form.append(Object.assign(document.createElement("input"), { type: "hidden", name: button.name, value: button.value }));
    form.submit();
    return;
  }
  await load(part);
  const again = find(`form[action="${CSS.escape(action)}"] button${button && button.value ? `[value="${button.value}"]` : ""}`, part);
  if (again) again.focus();
});

// listen tells of messages as they arrive, for as long as the page is open.
async function listen(wait = 1000) {
  const response = await fetch("/live").catch(() => null);
  if (response && response.status < 500 && !response.ok) return;
  const again = () => setTimeout(listen, wait, Math.min(2 * wait, 60000));
  if (!response || !response.ok) return again();
  const { token } = await response.json();
  const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/api/ws/${token}`);
  let before = null;
  socket.onmessage = (event) => {
    wait = 1000;
    const update = JSON.parse(event.data), link = find("[data-unread]"), badge = find(".badge", link), last = update.last_message;
    badge.textContent = link.dataset.unread = update.unread;
    badge.hidden = update.unread === 0;
    if (before !== null && last && last.id !== before && !last.is_read) say(link.dataset.new + last.title);
    if (before !== null) document.querySelectorAll("[data-live]").forEach(load);
    before = last ? last.id : "";
  };
  socket.onclose = again;
}

function say(text) {
  const toast = find("[data-toast]");
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { toast.hidden = true; }, 8000);
}

// A stored page cannot know how old it is; the answer that brought it says so in
// Server-Timing, which browsers show to scripts over TLS and on this machine.
function freshness() {
  const line = find("[data-freshness]"), [visit] = performance.getEntriesByType("navigation");
  const timing = Object.fromEntries(((visit && visit.serverTiming) || []).map((t) => [t.name, t]));
  if (!timing.cache) return;
  line.dataset.freshness = timing.cache.description;
  line.textContent = timing.cache.description === "hit" ? line.dataset.hit.replace("#", timing.age.description) : line.dataset.miss;
}

// What the browser kept of a page that was left is not what the server would say.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

freshness();
Promise.all([...document.querySelectorAll("[data-part]:not([data-loaded])")].map(load)).then(() => {
  if (find("[data-unread]")) listen();
});
