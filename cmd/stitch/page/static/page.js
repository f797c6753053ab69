// What a page can do more with a script than without.
"use strict";

document.documentElement.classList.add("script");

// The reader's own time, beside UTC.
function localTimes(within) {
  for (const t of within.querySelectorAll("time[datetime]")) {
    const d = new Date(t.dateTime);
    if (!isNaN(d)) {
      t.title = t.textContent + " UTC\n" + d.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
    }
  }
}

// One line of text beside what has the focus or is under the pointer.
function tips(marks) {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "tooltip");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const show = (mark) => {
    tip.textContent = mark.getAttribute("aria-label");
    tip.hidden = false;
    const at = mark.getBoundingClientRect();
    const room = document.documentElement.clientWidth;
    const left = Math.max(8, Math.min(at.left + at.width / 2 - tip.offsetWidth / 2, room - tip.offsetWidth - 8));
    const above = at.top - tip.offsetHeight - 6;
    tip.style.left = left + window.scrollX + "px";
    tip.style.top = (above >= 0 ? above : at.bottom + 6) + window.scrollY + "px";
  };
  const hide = () => { tip.hidden = true; };
  for (const mark of marks) {
    mark.querySelector("title")?.remove(); // which would be a second tip
    mark.addEventListener("mouseenter", () => show(mark));
    mark.addEventListener("mouseleave", hide);
    mark.addEventListener("focus", () => show(mark));
    mark.addEventListener("blur", hide);
  }
  document.addEventListener("keydown", (e) => { if (e.key === "Escape") hide(); });
}

// The timeline is one stop of the tab key; arrows go from mark to mark.
function walk(marks) {
  const lanes = new Map();
  for (const mark of marks) {
    const lane = Number(mark.dataset.lane);
    if (!lanes.has(lane)) lanes.set(lane, []);
    lanes.get(lane).push(mark);
    mark.setAttribute("tabindex", "-1");
  }
  let stop = marks[0];
  stop.setAttribute("tabindex", "0");
  const go = (mark) => {
    if (!mark) return;
    stop.setAttribute("tabindex", "-1");
    stop = mark;
    stop.setAttribute("tabindex", "0");
    stop.focus();
  };
  const numbers = [...lanes.keys()].sort((a, b) => a - b);
  const beside = (mark, step) => {
    const lane = lanes.get(Number(mark.dataset.lane));
    return lane[lane.indexOf(mark) + step];
  };
  const across = (mark, step) => {
    const lane = lanes.get(numbers[numbers.indexOf(Number(mark.dataset.lane)) + step]);
    const distance = (m) => Math.abs(Number(m.dataset.at) - Number(mark.dataset.at));
    return lane?.reduce((best, m) => (distance(m) < distance(best) ? m : best));
  };
  const keys = {
    ArrowLeft: (m) => beside(m, -1),
    ArrowRight: (m) => beside(m, 1),
    ArrowUp: (m) => across(m, -1),
    ArrowDown: (m) => across(m, 1),
    Home: (m) => lanes.get(Number(m.dataset.lane))[0],
    End: (m) => lanes.get(Number(m.dataset.lane)).at(-1),
  };
  for (const mark of marks) {
    mark.addEventListener("focus", () => { if (stop !== mark) go(mark); });
    mark.addEventListener("keydown", (e) => {
      if (e.key in keys && !e.altKey && !e.ctrlKey && !e.metaKey) {
        e.preventDefault();
        go(keys[e.key](mark));
      }
    });
  }
}

// How many documents are shown beside the timeline; all are in the tables.
const most = 20;

// What is behind a mark is shown beside the timeline, out of the tables below.
function details(marks) {
  const panel = document.getElementById("shown");
  let chosen = null;
  const show = (mark) => {
    const lane = mark.dataset.lane;
    const first = Number(mark.dataset.first);
    const last = Number(mark.dataset.last);
    const rows = [];
    for (let n = first; n <= last && rows.length < most; n++) {
      const row = document.getElementById("d-" + lane + "-" + n);
      if (!row) break;
      rows.push(row);
    }
    if (rows.length === 0) return false; // on another page
    const title = document.createElement("h3");
    title.textContent = mark.getAttribute("aria-label");
    const parts = rows.map((row) => {
      const one = document.createElement("div");
      one.className = "one";
      for (const cell of row.cells) {
        const part = document.createElement("div");
        part.append(...[...cell.childNodes].map((n) => n.cloneNode(true)));
        one.append(part);
      }
      return one;
    });
    const all = document.createElement("a");
    all.href = mark.getAttribute("href");
    all.textContent = rows.length < last - first + 1 ? "All " + (last - first + 1) + " in the table" : "In the table";
    panel.replaceChildren(title, ...parts, all);
    panel.hidden = false;
    chosen?.classList.remove("chosen");
    chosen = mark;
    chosen.classList.add("chosen");
    return true;
  };
  for (const mark of marks) {
    mark.addEventListener("click", (e) => {
      if (!e.ctrlKey && !e.metaKey && !e.shiftKey && show(mark)) e.preventDefault();
    });
  }
}

// What the address names is shown, also in browsers that leave it folded up.
function unfold() {
  const named = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const folded = named && named.closest("details:not([open])");
  if (folded) {
    folded.open = true;
    named.scrollIntoView();
  }
}

localTimes(document);
unfold();
window.addEventListener("hashchange", unfold);
window.addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details.stage:not([open])")) folded.open = true;
});
const marks = [...document.querySelectorAll("a.mark")];
if (marks.length > 0) {
  tips(marks);
  walk(marks);
  details(marks);
}
