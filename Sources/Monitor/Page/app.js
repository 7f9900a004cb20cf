"use strict";
// The panel: what the coordinator says of itself, twice a second, by server-sent events.

const $ = id => document.getElementById(id);
const state = { status: null, chosen: null, rates: new Map(), done: null, refreshed: 0 };
const map = typeof L === "undefined" ? null : new MosaicMap($("map"), $("readout"));
if (!map) $("nomap").hidden = false;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
function put(node, text) { if (node.textContent !== text) node.textContent = text; }

const counted = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const sum = (items, of) => items.reduce((total, item) => total + of(item), 0);
const planned = job => sum(job.progress.levels, level => level.planned);
const done = job => sum(job.progress.levels, level => level.done);
const failed = job => sum(job.progress.levels, level => level.failed);

function duration(seconds) {
  if (seconds === undefined || seconds === null || !isFinite(seconds)) return "–";
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}
function speed(rate) {
  if (!rate) return ["–", ""];
  const text = rate >= 1 ? `${rate.toFixed(rate >= 10 ? 0 : 1)}/s` : `${(rate * 60).toFixed(rate * 60 >= 10 ? 0 : 1)}/min`;
  return [text, "windows"];
}
function bytes(count) {
  if (!count) return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(4, Math.floor(Math.log10(count) / 3));
  return `${(count / 1000 ** power).toPrecision(3)} ${units[power]}`;
}
const file = path => path ? path.split("/").pop() : null;
function phase(job) {
  if (job.progress.phase === "finished" && failed(job)) return "incomplete";
  return job.progress.phase;
}

async function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  const token = sessionStorage.getItem("tessera-token");
  if (token) headers.Authorization = `Bearer ${token}`;
  try {
    const response = await fetch(`api/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body || {}) });
    if (response.status === 401) {
      const given = prompt((await response.json()).error.message);
      if (!given) return;
      sessionStorage.setItem("tessera-token", given.trim());
      return post(path, body);
    }
    if (!response.ok) complain((await response.json()).error.message);
  } catch {
    complain("The coordinator does not answer.");
  }
}
let toastTimer;
function complain(text) {
  put($("toast"), text);
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").hidden = true; }, 6000);
}

function button(text, action, sure) {
  const made = element("button", "", text);
  made.type = "button";
  made.addEventListener("click", event => {
    event.stopPropagation();
    if (sure && !made.classList.contains("sure")) {
      made.classList.add("sure");
      put(made, sure);
      setTimeout(() => { made.classList.remove("sure"); put(made, text); }, 3000);
      return;
    }
    action();
  });
  return made;
}

// Keep one child of `parent` for each item, in order, so that a click never falls on a node just replaced.
function keyed(parent, items, key, make, update) {
  const known = new Map([...parent.children].map(child => [child.dataset.key, child]));
  items.forEach((item, place) => {
    let child = known.get(String(key(item)));
    if (!child) {
      child = make(item);
      child.dataset.key = key(item);
    }
    known.delete(String(key(item)));
    update(child, item);
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] || null);
  });
  known.forEach(child => child.remove());
}

function bar(thin) {
  const made = element("div", thin ? "bar thin" : "bar");
  made.append(element("i"), element("em"));
  return made;
}
function fill(node, part, bad, whole) {
  node.children[0].style.width = `${whole ? 100 * part / whole : 0}%`;
  node.children[1].style.width = `${whole ? 100 * bad / whole : 0}%`;
}

function showJob(job) {
  $("job").hidden = !job;
  if (!job) return;
  const total = planned(job), ready = done(job), part = total ? ready / total : 0;
  const digits = part >= .9995 || part === 0 ? 0 : 1;
  const text = part < 1 ? Math.min(99.9, 100 * part).toFixed(digits) : "100";
  if ($("percent").dataset.text !== text) {
    $("percent").dataset.text = text;
    $("percent").replaceChildren(text, element("small", "", "%"));
  }
  put($("name"), job.mosaic || file(job.request.base) || "Built-in world map");
  put($("about"), `seed ${job.request.seed} · ${job.request.levels} level${job.request.levels > 1 ? "s" : ""} · ${file(job.request.model) || "built-in model"}`);
  put($("phase"), phase(job));
  $("phase").className = `pill ${phase(job)}`;
  fill($("bar"), ready, failed(job), total);
  $("bar").setAttribute("aria-valuenow", text);
  figure("windows", counted.format(ready), `of ${counted.format(total)}${failed(job) ? ` · ${failed(job)} failed` : ""}`);
  const active = job.progress.phase === "running";
  figure("rate", ...speed(active ? job.rate : 0));
  const left = active ? job.secondsLeft : null;
  const end = left ? new Date(Date.now() + 1000 * left).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) : "";
  figure("left", active ? duration(left) : phase(job) === "finished" ? "done" : "–", left && left < 86400 ? `until ${end}` : "");
  $("error").hidden = !job.error;
  put($("error"), job.error || "");
  spark(job);
  showLevels(job);
}
function figure(id, text, below) {
  const node = $(id);
  if (node.dataset.text === text + below) return;
  node.dataset.text = text + below;
  node.replaceChildren(text, element("small", "", below));
}
function showLevels(job) {
  const middle = job.bounds ? (job.bounds[1] + job.bounds[3]) / 2 : null;
  keyed($("levels"), job.progress.levels, level => level.level, () => {
    const made = element("div", "level");
    const name = element("span");
    name.append(element("b"), element("small"));
    made.append(name, element("span"), bar(true));
    return made;
  }, (node, level) => {
    const zoom = job.zooms[1] - 2 * (job.request.levels - level.level);
    const metres = middle === null ? null : 156543.034 * Math.cos(middle * Math.PI / 180) / 2 ** zoom;
    put(node.children[0].children[0], `Level ${level.level}`);
    put(node.children[0].children[1], metres === null ? `zoom ${zoom}` : `zoom ${zoom} · ${metres < 10 ? metres.toFixed(1) : Math.round(metres)} m/px`);
    put(node.children[1], `${counted.format(level.done)} / ${counted.format(level.planned)}`);
    fill(node.children[2], level.done, level.failed, level.planned);
  });
}
function spark(job) {
  const rates = state.rates.get(job.id) || [];
  const top = Math.max(...rates, 1e-9) * 1.15;
  const points = rates.map((rate, i) => `${(240 * i / Math.max(1, rates.length - 1)).toFixed(1)},${(39 - 38 * rate / top).toFixed(1)}`);
  const [area, line] = $("spark").children;
  $("spark").style.display = points.length > 1 ? "" : "none";
  line.setAttribute("d", points.length > 1 ? `M${points.join("L")}` : "");
  area.setAttribute("d", points.length > 1 ? `M0,40L${points.join("L")}L240,40Z` : "");
}

function showJobs(jobs) {
  $("jobcard").hidden = !jobs.length;
  put($("jobcount"), String(jobs.length));
  keyed($("jobs"), jobs, job => job.id, job => {
    const made = element("div", "row pick");
    made.tabIndex = 0;
    const tools = element("div", "tools");
    tools.append(
      button("Pause", () => post(`jobs/${encodeURIComponent(job.id)}/pause`)),
      button("Resume", () => post(`jobs/${encodeURIComponent(job.id)}/resume`)),
      button("Cancel", () => post(`jobs/${encodeURIComponent(job.id)}/cancel`), "Really cancel?"));
    made.append(element("span", "main"), tools, bar(true), element("span", "sub"));
    const choose = () => { state.chosen = job.id; state.refit = true; render(); };
    made.addEventListener("click", choose);
    made.addEventListener("keydown", event => { if (event.key === "Enter" && event.target === made) choose(); });
    return made;
  }, (node, job) => {
    const now = job.progress.phase;
    node.classList.toggle("chosen", job.id === state.chosen);
    put(node.children[0], job.mosaic ? `${job.mosaic} · ${job.id}` : job.id);
    const [pause, resume, cancel] = node.children[1].children;
    pause.hidden = now !== "running";
    resume.hidden = now !== "paused";
    cancel.hidden = now !== "running" && now !== "paused";
    fill(node.children[2], done(job), failed(job), planned(job));
    put(node.children[3], `${phase(job)} · ${counted.format(done(job))} of ${counted.format(planned(job))} windows · seed ${job.request.seed}`);
  });
}

function showWorkers(workers) {
  put($("workercount"), workers.length ? String(workers.length) : "");
  $("noworkers").hidden = workers.length > 0;
  keyed($("workers"), workers, worker => worker.id, worker => {
    const made = element("div", "row");
    const tools = element("div", "tools");
    tools.append(button("Drain", () => post(`workers/${worker.id}/drain`, { now: false, reason: "asked for on the page" }), "Let it go?"));
    made.append(element("span", "main"), tools, element("span", "sub"), element("span", "sub bad"));
    return made;
  }, (node, worker) => {
    put(node.children[0], worker.name || `${worker.host} ${worker.pid}`);
    node.children[1].hidden = worker.isDraining;
    const parts = [worker.device, `${counted.format(worker.windowsDone)} done`];
    if (worker.secondsPerWindow) parts.push(`${worker.secondsPerWindow.toPrecision(3)} s each`);
    parts.push(worker.isDraining ? "draining" : worker.leased ? `${worker.leased} in work` : "idle");
    if (worker.residentBytes) parts.push(bytes(worker.residentBytes));
    if (worker.secondsSinceHeard > 10) parts.push(`silent for ${duration(worker.secondsSinceHeard)}`);
    put(node.children[2], parts.join(" · "));
    put(node.children[3], worker.lastError || "");
    node.children[3].hidden = !worker.lastError;
  });
}

function showFailures(jobs) {
  const failures = jobs.flatMap(job => job.failures.map(failure => ({ job, failure })));
  $("failurecard").hidden = !failures.length;
  put($("failurecount"), String(failures.length));
  keyed($("failures"), failures.slice(0, 50), item => `${item.job.id} ${item.failure.window}`, () => {
    const made = element("div", "row");
    made.append(element("span", "main"), element("span"), element("span", "sub bad"));
    return made;
  }, (node, item) => {
    put(node.children[0], `window ${item.failure.window}`);
    put(node.children[1], item.job.mosaic || item.job.id);
    put(node.children[2], item.failure.reason);
  });
}

function showMap(status, job) {
  if (!map || !job) return;
  const version = Math.max(0, Math.floor(Date.parse(status.started))).toString(36);
  const family = status.jobs.filter(other => other.mosaic === job.mosaic && !!other.bounds === !!job.bounds);
  const zooms = [Math.min(...family.map(item => item.zooms[0])), Math.max(...family.map(item => item.zooms[1]))];
  map.show({
    key: `${job.mosaic} ${version} ${zooms}`, zooms, plane: !job.bounds, regions: family, fit: true,
    template: `tiles/${encodeURIComponent(job.mosaic || "-")}/{z}/{x}/{y}.png?v=${version}`,
  });
  if (state.refit) map.fit([job]);
  state.refit = false;
  const now = sum(family, done);
  if (now !== state.done && Date.now() - state.refreshed > 1500) {
    state.done = now;
    state.refreshed = Date.now();
    map.layer.refresh();
  }
}

function render() {
  const status = state.status;
  if (!status) return;
  const jobs = status.jobs;
  if (!jobs.some(job => job.id === state.chosen)) {
    const first = wanted => jobs.find(job => job.progress.phase === wanted);
    state.chosen = (first("running") || first("paused") || jobs[jobs.length - 1] || {}).id;
  }
  const job = jobs.find(item => item.id === state.chosen);
  put($("where"), `${status.endpoint} · ${status.softwareVersion}`);
  const keys = status.serverKey ? ` --key worker.secret --server-key '${status.serverKey}'` : "";
  put($("workerhint"), `tessera worker --connect ${status.endpoint}${keys}`);
  $("empty").hidden = jobs.length > 0;
  put($("hint"), `tessera submit --to ${location.origin} \\\n    --bbox=6.5,45.5,7.5,46.2 \\\n    --levels 2 --seed 7`);
  document.title = job ? `${Math.floor(100 * done(job) / Math.max(1, planned(job)))} % · Tessera` : "Tessera";
  showJob(job);
  showJobs(jobs);
  showWorkers(status.workers);
  showFailures(jobs);
  showMap(status, job);
}

function take(status) {
  if (state.status && state.status.started !== status.started) {
    state.rates.clear();
    state.done = null;
  }
  state.status = status;
  for (const job of status.jobs) {
    const rates = state.rates.get(job.id) || [];
    if (job.progress.phase === "running") rates.push(job.rate);
    state.rates.set(job.id, rates.slice(-240));
  }
  render();
}

let source;
function connect() {
  source = new EventSource("api/v1/events");
  source.addEventListener("open", () => link("live", "live"));
  source.addEventListener("status", event => { link("live", "live"); take(JSON.parse(event.data)); });
  source.addEventListener("error", () => {
    link("lost", "reconnecting");
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  });
}
function link(kind, text) {
  $("link").className = `link ${kind}`;
  put($("link").children[1], text);
}

function theme(name) {
  document.documentElement.dataset.theme = name;
}
const preferred = matchMedia("(prefers-color-scheme: light)");
theme(localStorage.getItem("tessera-theme") || (preferred.matches ? "light" : "dark"));
preferred.addEventListener("change", () => {
  if (!localStorage.getItem("tessera-theme")) theme(preferred.matches ? "light" : "dark");
});
$("theme").addEventListener("click", () => {
  const next = document.documentElement.dataset.theme === "light" ? "dark" : "light";
  localStorage.setItem("tessera-theme", next);
  theme(next);
});

connect();
