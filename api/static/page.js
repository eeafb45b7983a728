// The page is a client of the public API and of nothing else.

const WIDTH = 600, HEIGHT = 360, MARGIN = 34, START = -5, STOP = 5, POINTS = 401;
const at = (id) => document.getElementById(id);

async function ask(path, options) {
  const response = await fetch(path, options);
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail);
  return body;
}

function element(name, attributes = {}, ...children) {
  const svg = ["path", "line", "text", "circle", "g", "clipPath", "rect"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// --- explore ---

function scales(curve) {
  const all = [...curve.value, ...curve.derivative];
  const low = Math.min(-0.5, ...all), high = Math.max(1.2, ...all.filter((y) => y <= 3));
  return {
    low, high,
    x: (x) => MARGIN + ((x - START) / (STOP - START)) * (WIDTH - 2 * MARGIN),
    y: (y) => HEIGHT - MARGIN - ((y - low) / (high - low)) * (HEIGHT - 2 * MARGIN),
  };
}

function drawn(curve, key, scale) {
  const d = curve.x.map((x, i) => `${i ? "L" : "M"}${scale.x(x).toFixed(1)},${scale.y(curve[key][i]).toFixed(1)}`).join("");
  return element("path", { class: key, d, "clip-path": "url(#frame)" });
}

function frame() {
  const inside = { x: MARGIN, y: MARGIN, width: WIDTH - 2 * MARGIN, height: HEIGHT - 2 * MARGIN };
  return element("clipPath", { id: "frame" }, element("rect", inside));
}

function grid(scale) {
  const lines = element("g");
  for (let x = START; x <= STOP; x += 1) {
    lines.append(element("line", { class: x ? "grid" : "axis", x1: scale.x(x), x2: scale.x(x), y1: scale.y(scale.high), y2: scale.y(scale.low) }));
    lines.append(element("text", { x: scale.x(x), y: HEIGHT - 10, "text-anchor": "middle" }, String(x)));
  }
  for (let y = Math.ceil(scale.low); y <= scale.high; y += 1) {
    lines.append(element("line", { class: y ? "grid" : "axis", x1: scale.x(START), x2: scale.x(STOP), y1: scale.y(y), y2: scale.y(y) }));
    lines.append(element("text", { x: 8, y: scale.y(y) + 4 }, String(y)));
  }
  return lines;
}

function follow(curve, scale) {
  const dots = ["value", "derivative"].map((key) => element("circle", { class: key, r: 0 }));
  at("curve").append(...dots);
  at("curve").onpointermove = (event) => {
    const box = at("curve").getBoundingClientRect();
    const across = (((event.clientX - box.left) / box.width) * WIDTH - MARGIN) / (WIDTH - 2 * MARGIN);
    const i = Math.max(0, Math.min(POINTS - 1, Math.round(across * (POINTS - 1))));
    dots.forEach((dot) => {
      dot.setAttribute("cx", scale.x(curve.x[i]));
      dot.setAttribute("cy", scale.y(curve[dot.getAttribute("class")][i]));
      dot.setAttribute("r", 5);
    });
    at("point").textContent = `x ${curve.x[i].toFixed(3)}   f ${curve.value[i].toFixed(4)}   f′ ${curve.derivative[i].toFixed(4)}`;
  };
}

async function show(activation) {
  for (const chip of at("names").children) chip.setAttribute("aria-pressed", chip.textContent === activation.name);
  const curve = await ask(`v1/activations/${activation.name}/curve?start=${START}&stop=${STOP}&points=${POINTS}`);
  const scale = scales(curve);
  at("curve").replaceChildren(frame(), grid(scale), drawn(curve, "derivative", scale), drawn(curve, "value", scale));
  at("curve").setAttribute("aria-label", `${activation.title}: value and derivative from ${START} to ${STOP}`);
  follow(curve, scale);
  at("about").replaceChildren(described(activation));
  history.replaceState(null, "", `#${activation.name}`);
}

function described(activation) {
  const { reference } = activation;
  const formula = element("div");
  formula.innerHTML = activation.formula_mathml; // MathML of our own API
  const item = (sign) => (text) => element("li", {}, `${sign} ${text}`);
  return element("div", {},
    element("h3", {}, activation.title), formula,
    element("ul", {}, ...activation.advantages.map(item("+")), ...activation.drawbacks.map(item("−"))),
    element("p", {}, element("a", { href: reference.url }, reference.title), ` (${reference.authors}, ${reference.year})`));
}

// --- train ---

const percent = (fraction) => (fraction === undefined ? "" : `${(100 * fraction).toFixed(2)} %`);

function row(job) {
  const { epoch, epochs } = job.progress;
  const state = job.error ? `failed: ${job.error.code}` : job.queue_position ? `queued, number ${job.queue_position}` : job.state;
  const act = (word, path, method = "POST") =>
    element("button", { type: "button", onclick: () => ask(path, { method }).then(list, refuse) }, word);
  const action = job.finished_at ? act("Again", job.links.retry) : act("Cancel", job.links.cancel);
  const cells = [
    job.spec.activation,
    element("span", { class: job.state, title: job.error?.message ?? "" }, state),
    element("span", {}, element("progress", { value: epoch, max: epochs, "aria-label": "epochs" }), ` ${epoch} / ${epochs}`),
    job.latest?.val_loss.toFixed(4) ?? "",
    percent(job.latest?.val_accuracy),
    percent(job.test?.accuracy),
    element("span", {}, action, " ", element("a", { href: `${job.links.history}?format=csv` }, "CSV")),
  ];
  return element("tr", {}, ...cells.map((cell) => element("td", {}, cell)));
}

async function list() {
  const { data } = await ask("v1/jobs?limit=20");
  if (data.length) at("jobs").replaceChildren(...data.map(row));
  return data;
}

const streams = new Map();

function watch(jobs) {
  for (const job of jobs.filter((job) => !job.finished_at && !streams.has(job.id)).slice(0, 4)) {
    const stream = new EventSource(job.links.stream);
    streams.set(job.id, stream);
    for (const kind of ["state", "epoch"]) stream.addEventListener(kind, () => list());
    stream.addEventListener("end", () => { stream.close(); streams.delete(job.id); refresh(); });
  }
}

const refresh = () => list().then(watch, refuse);
const refuse = (error) => { at("refusal").textContent = error.message; };

async function submit(event) {
  event.preventDefault();
  at("refusal").textContent = "";
  const given = Object.fromEntries(new FormData(at("form")));
  const body = { activation: given.activation, epochs: +given.epochs, train_samples: +given.train_samples, seed: +given.seed };
  await ask("v1/jobs", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }).then(refresh, refuse);
}

const { data: activations } = await ask("v1/activations");
at("names").append(...activations.map((a) => element("button", { type: "button", onclick: () => show(a) }, a.name)));
at("choice").append(...activations.map((a) => element("option", {}, a.name)));
at("form").addEventListener("submit", submit);
const named = (hash) => activations.find((a) => `#${a.name}` === hash);
await show(named(location.hash) ?? named("#gelu"));
await refresh();
setInterval(refresh, 5000);
