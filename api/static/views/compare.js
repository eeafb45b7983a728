// Compare: one metric of any jobs, by epoch or by time.

import { get, query as asQuery } from "../api.js";
import { chart, counted, line } from "../charts.js";
import { fill, h, superseding } from "../dom.js";
import { percent, short } from "../format.js";
import { looks, restyled } from "../looks.js";
import { badge, empty, fileLink, files, heading, labelled, lede, METRICS, problem, scale, select } from "../parts.js";
import { setQuery } from "../router.js";

const MOST = 24;
const AXES = [
  ["epoch", "Epoch"],
  ["seconds", "Seconds of training"],
];
const EVERY_MS = 3000;

export async function view({ root, query, signal, title }) {
  title("Compare");
  const look = await looks();
  const chosen = (query.get("jobs") ?? "").split(",").filter(Boolean).slice(0, MOST);
  const state = {
    metric: query.get("metric") in METRICS ? query.get("metric") : "val_loss",
    x: query.get("x") === "seconds" ? "seconds" : "epoch",
    excluded: new Set((query.get("exclude") ?? "").split(",").filter(Boolean)),
    comparison: null,
    recent: [],
  };
  const next = superseding(signal);
  const figure = chart({ name: state.metric, title: METRICS[state.metric], signal, size: "tall" });
  const metric = select(
    {
      name: "metric",
      onchange: () => {
        state.metric = metric.value;
        load();
      },
    },
    Object.entries(METRICS),
    state.metric,
  );
  const axis = select(
    {
      name: "x",
      onchange: () => {
        state.x = axis.value;
        draw();
        remember();
      },
    },
    AXES,
    state.x,
  );
  const toggles = h("div", { class: "chips", role: "group", "aria-label": "Activations that are shown" });
  const links = h("div"),
    wrong = h("div"),
    picker = h("div"),
    none = empty(h("p", {}, "Choose jobs below: their curves appear here."));
  const curves = h("div", { class: "stack", hidden: true }, figure.element, links);
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));

  fill(
    root,
    heading("Compare"),
    lede("Any jobs, on the same axes. Take sigmoid out, and see what it hid."),
    wrong,
    h(
      "section",
      { class: "panel stack", "aria-label": "Curves" },
      h(
        "div",
        { class: "row end" },
        h("div", {}, labelled("Metric", metric)),
        h("div", {}, labelled("By", axis)),
        toggles,
      ),
      none,
      curves,
    ),
    h("section", { class: "panel", "aria-label": "Jobs to compare" }, h("h2", {}, "Jobs"), picker),
  );

  function remember() {
    setQuery({ jobs: chosen.join(","), metric: state.metric, x: state.x, exclude: [...state.excluded].join(",") });
  }

  async function load() {
    remember();
    clearTimeout(timer);
    const mine = next();
    none.hidden = chosen.length > 0;
    curves.hidden = chosen.length === 0;
    fill(wrong);
    if (!chosen.length) {
      state.comparison = null;
      toggle();
      return;
    }
    try {
      state.comparison = await get(
        `v1/compare${asQuery({ jobs: chosen.join(","), metric: state.metric, x: state.x })}`,
        mine,
      );
      figure.plot.dataset.chart = state.metric;
      figure.element.querySelector("h2").textContent = METRICS[state.metric];
      figure.element.setAttribute("aria-label", METRICS[state.metric]);
      toggle();
      draw();
    } catch (error) {
      if (!mine.aborted) fill(wrong, problem(error, load));
    }
    const growing = state.recent.some((job) => chosen.includes(job.id) && job.finished_at === null);
    if (growing && !signal.aborted) timer = setTimeout(() => refresh(), EVERY_MS);
  }

  async function refresh() {
    await pick().catch(() => {});
    await load();
  }

  const activationOf = (label) => label.split(/[, ]/, 1)[0];
  const present = () => [...new Set((state.comparison?.jobs ?? []).map(({ label }) => activationOf(label)))];

  function toggle() {
    const names = present();
    const focused = document.activeElement?.dataset?.place;
    const button = (name, text, reversed) =>
      h(
        "button",
        {
          type: "button",
          class: "chip",
          "aria-pressed": String(state.excluded.has(name) === reversed),
          data: { place: text },
          onclick: () => {
            if (!state.excluded.delete(name)) state.excluded.add(name);
            remember();
            toggle();
            draw();
          },
        },
        !reversed && h("span", { class: "swatch", style: { "--swatch": `var(--look-${look(name).color})` } }),
        text,
      );
    fill(
      toggles,
      names.length > 1 && [
        names.map((name) => button(name, name, false)),
        names.includes("sigmoid") && button("sigmoid", "without sigmoid", true),
      ],
    );
    if (focused) toggles.querySelector(`[data-place="${CSS.escape(focused)}"]`)?.focus();
  }

  function shown() {
    const seen = new Map();
    return state.comparison.jobs.flatMap((job) => {
      const name = activationOf(job.label);
      const nth = seen.get(name) ?? 0;
      seen.set(name, nth + 1);
      return state.excluded.has(name) ? [] : [{ ...job, label: labelOf(name, job), own: restyled(look(name), nth) }];
    });
  }

  /** Where one activation stands for one job, its name says it all; the server's label tells the others apart. */
  function labelOf(name, { label }) {
    return state.comparison.jobs.filter((job) => activationOf(job.label) === name).length === 1 ? name : label;
  }

  function draw() {
    if (state.comparison === null) return;
    const { axis: scaled, read, hover } = scale(state.metric);
    const lines = shown();
    figure.draw((colors) => ({
      data: lines.map((job) =>
        line(colors, job.own, {
          x: job[state.x],
          y: job.value,
          name: job.label,
          hovertemplate: `%{y:${hover}}<extra>${job.label}</extra>`,
        }),
      ),
      layout: {
        xaxis:
          state.x === "epoch"
            ? counted("epoch", Math.max(1, ...lines.flatMap(({ epoch }) => epoch)))
            : { title: { text: "seconds of training and validation" }, rangemode: "tozero" },
        yaxis: scaled(lines.flatMap(({ value }) => value)),
        uirevision: `${state.metric} ${state.x}`,
      },
      legend: lines.map(({ label, own }) => ({ label, color: `var(--look-${own.color})`, dash: own.dash })),
      caption: lines
        .map(({ label, value, epoch }) =>
          value.length
            ? `${label}: ${read(value.at(-1) ?? Number.NaN)} after epoch ${epoch.at(-1)}`
            : `${label}: no epoch yet`,
        )
        .join("; "),
    }));
    const ids = lines.map(({ job_id: job }) => job).join(",");
    fill(
      links,
      ids &&
        files(
          "These curves",
          ["csv", "png", "svg"].map((format) =>
            fileLink(
              `v1/compare${asQuery({ jobs: ids, metric: state.metric, x: state.x, format })}`,
              format.toUpperCase(),
            ),
          ),
        ),
    );
  }

  async function pick() {
    state.recent = (await get("v1/jobs?limit=50", signal)).data;
    const known = new Set(state.recent.map(({ id }) => id));
    const others = await Promise.all(
      chosen
        .filter((id) => !known.has(id))
        .map((id) => get(`v1/jobs/${encodeURIComponent(id)}`, signal).catch(() => null)),
    );
    const all = [...others.filter(Boolean), ...state.recent];
    const focused = document.activeElement?.dataset?.place;
    fill(
      picker,
      all.length
        ? h(
            "div",
            { class: "scroll picker", tabindex: "0", role: "region", "aria-label": "Table of jobs" },
            h(
              "table",
              {},
              h(
                "thead",
                {},
                h(
                  "tr",
                  {},
                  h("th", {}, h("span", { class: "hidden" }, "Compare")),
                  ["Activation", "State", "Seed", "Epochs", "Images", "Best val. accuracy"].map((text) =>
                    h("th", { scope: "col" }, text),
                  ),
                ),
              ),
              h("tbody", {}, all.map(row)),
            ),
          )
        : empty(
            h("p", {}, "No jobs yet."),
            h("a", { class: "button primary", href: "#/train/sweep" }, "Train the article’s sweep"),
          ),
    );
    if (focused) picker.querySelector(`[data-place="${CSS.escape(focused)}"]`)?.focus();
  }

  function row({ id, spec, state: now, progress, best }) {
    const box = h("input", {
      type: "checkbox",
      checked: chosen.includes(id),
      data: { place: id },
      "aria-label": `Compare ${spec.activation} ${short(id)}`,
      onchange: () => {
        if (!box.checked) chosen.splice(chosen.indexOf(id), 1);
        else if (chosen.length < MOST) chosen.push(id);
        else box.checked = false;
        load();
      },
    });
    return h(
      "tr",
      {},
      h("td", {}, box),
      h(
        "th",
        { scope: "row" },
        h(
          "span",
          { class: "name" },
          h("span", { class: "swatch", style: { "--swatch": `var(--look-${look(spec.activation).color})` } }),
          h("a", { href: `#/jobs/${id}` }, spec.activation),
          h("small", { class: "id" }, short(id)),
        ),
      ),
      h("td", {}, badge(now)),
      h("td", { class: "number" }, spec.seed),
      h("td", { class: "number" }, `${progress.epoch} / ${progress.epochs}`),
      h("td", { class: "number" }, spec.train_samples ?? "all"),
      h("td", { class: "number" }, percent(best?.val_accuracy)),
    );
  }

  fill(picker, h("div", { class: "skeleton page-skeleton" }));
  await pick();
  await load();
}
