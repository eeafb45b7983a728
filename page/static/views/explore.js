// Explore: curves of activations, the values at one x, and a card for each activation.

import { createCard } from "../activation_card.js";
import { readActivations, readParameters, writeParameters } from "../activation_query.js";
import { setQuery } from "../address.js";
import { get, loadCatalog, queryString } from "../api.js";
import { heading, lede, problem } from "../components.js";
import { chips } from "../controls.js";
import { createCurveReader } from "../curve_reader.js";
import { html, render, repeat } from "../dom.js";
import { loadLineStyles } from "../line_styles.js";
import { abortPrevious, debounce } from "../timing.js";

export async function view({ root, query, signal, title }) {
  title("Explore");
  const [all, look] = await Promise.all([loadCatalog(), loadLineStyles()]);
  const chosen = readActivations(all, query.get("names"), ["sigmoid", "relu", "gelu"]);
  const parameters = readParameters(all, query);
  signal.throwIfAborted();
  const next = abortPrevious(signal);
  const rememberSoon = debounce(250, signal, rememberChoice); // browsers limit the rate of address changes
  const loadSoon = debounce(60, signal, load);
  const reader = createCurveReader({ signal, query, look, onreach: load, onmove: rememberSoon, update });
  const cards = new Map(); // by activation: they hold the visitor's input
  let failure = null;

  function update() {
    render(
      html`
        ${heading("Explore")}
        ${lede(
          "Each function in float64 and its derivative. Point at a curve, or move the slider, to read a value ",
          "and its slope. At a jump of the derivative, the filled dot is its value.",
        )}
        <section class="panel stack" aria-label="Activations">
          ${chips({ choices: all, chosen, look, onchange: load })}
        </section>
        ${failure && problem(failure, load)}
        <section class="panel stack" aria-label="Curves">${reader.template()}</section>
        <div class="cards">${repeat(
          selected(),
          ({ name }) => name,
          (activation) => cardOf(activation)(),
        )}</div>`,
      root,
    );
  }

  function cardOf(activation) {
    const { name } = activation;
    if (!cards.has(name)) {
      const own = { own: look(name), values: (parameters[name] ??= {}) };
      const file = (format) => curvePath(activation, { format });
      const onchange = () => {
        update();
        loadSoon();
      };
      cards.set(name, createCard(activation, { ...own, file, onchange }));
    }
    return cards.get(name);
  }

  const selected = () => all.filter((activation) => chosen.has(activation.name));

  function rememberChoice() {
    setQuery({ names: [...chosen].join(","), ...reader.toQuery(), ...writeParameters(all, parameters, chosen) });
  }

  async function load() {
    rememberChoice();
    const mine = next();
    update();
    try {
      const curves = await Promise.all(selected().map((activation) => get(curvePath(activation), mine)));
      failure = null;
      reader.show(curves);
    } catch (error) {
      if (mine.aborted) return;
      failure = error;
      update();
    }
  }

  function curvePath({ name }, more = {}) {
    return `v1/activations/${name}/curve${queryString({ ...reader.grid(), ...parameters[name], ...more })}`;
  }

  await load();
}
