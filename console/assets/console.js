"use strict";
// Keeps the page as the server says it is now: each event is a panel, which takes the
// place of what is there, without what is focused, open or scrolled being lost.
(() => {
  const state = document.getElementById("state"), pause = document.getElementById("pause");
  if (!state || !pause) return;

  function morph(old, now) {
    if (old.isEqualNode(now)) return;
    for (const a of [...old.attributes]) if (!now.hasAttribute(a.name) && !(a.name === "open" && old.tagName === "DETAILS")) old.removeAttribute(a.name);
    for (const a of now.attributes) if (old.getAttribute(a.name) !== a.value) old.setAttribute(a.name, a.value);
    if (old.tagName === "INPUT") return; // what somebody is writing is theirs
    const children = [...now.childNodes];
    children.forEach((child, i) => {
      const here = old.childNodes[i];
      if (!here) old.append(child);
      else if (here.nodeType !== child.nodeType || here.nodeName !== child.nodeName) here.replaceWith(child);
      else if (child.nodeType === Node.ELEMENT_NODE) morph(here, child);
      else if (here.data !== child.data) here.data = child.data;
    });
    while (old.childNodes.length > children.length) old.lastChild.remove();
  }

  let stream, again;
  function say(text, name) {
    if (state.textContent !== text) state.textContent = text;
    state.className = name;
  }
  function start() {
    clearTimeout(again);
    stream = new EventSource(document.body.dataset.stream);
    stream.onopen = () => say("live", "on");
    stream.onerror = () => {
      say("not live", "lost");
      if (stream.readyState === EventSource.CLOSED) again = setTimeout(start, 10000);
    };
    stream.addEventListener("panel", e => {
      const now = new DOMParser().parseFromString(e.data, "text/html").body.firstElementChild;
      const old = now && document.getElementById(now.id);
      if (old) morph(old, document.adoptNode(now));
      document.documentElement.dataset.events = Number(document.documentElement.dataset.events || 0) + 1;
    });
  }
  function stop() {
    clearTimeout(again);
    stream.close();
  }
  pause.hidden = false;
  pause.addEventListener("click", () => {
    const paused = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", paused);
    pause.textContent = paused ? "Go on" : "Pause";
    if (paused) {
      stop();
      say("paused", "");
    } else start();
  });
  addEventListener("pagehide", stop);
  addEventListener("pageshow", e => { if (e.persisted && pause.getAttribute("aria-pressed") !== "true") start(); });
  start();
})();
