// The formula that a job trains with.

import { createFormulas, facts, marks } from "./activation_facts.js";
import { post } from "./api.js";
import { html } from "./dom.js";

/** Its formulas and properties for the job's parameters, whatever became of the activation. */
export async function describeFormula({ activation, formula, parameters }, signal) {
  const values = Object.entries(parameters).map(([name, value]) => [name, { default: value }]);
  const body = { formula, parameters: Object.fromEntries(values) };
  const found = await post("v1/activations/preview", body, { signal });
  return html`
    <div class="stack">
      <div class="two">${createFormulas({ ...found, name: activation })}</div>
      ${facts(found)}${marks(found)}
    </div>`;
}
