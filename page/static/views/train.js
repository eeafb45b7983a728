// Train: forms for a job and for a sweep, built from the service's schema.

import { go, setQuery } from "../address.js";
import { ApiError, createRandomKey, loadCatalog, loadSchemas, post } from "../api.js";
import { heading, lede } from "../components.js";
import { html, render } from "../dom.js";
import { loadDraft, saveDraft } from "../drafts.js";
import { loadMeasurements, showForecast } from "../forecast.js";
import { clearErrors, findFaults, showErrors, showFaults } from "../form_controls.js";
import { jobForm } from "../job_form.js";
import { sweepForm } from "../sweep_form.js";

export async function view({ root, path, query, signal, title }) {
  title("Train");
  const [all, definitions] = await Promise.all([loadCatalog(), loadSchemas()]);
  const isSweep = path.startsWith("/train/sweep");
  const measurements = loadMeasurements(signal);
  const tab = (text, hash, isCurrent) => html`<a href=${hash} aria-current=${isCurrent && "page"}>${text}</a>`;
  const show = (form) =>
    render(
      html`
        ${heading("Train")}
        ${lede(
          isSweep
            ? "One network per activation, seed and combination of values: the article’s loop plus a grid search."
            : "The article’s MNIST network, trained once with the activation you choose, shown epoch by epoch.",
        )}
        <div>
          <div class="tabs" role="group" aria-label="What to train">
            ${tab("A job", "#/train", !isSweep)}${tab("A sweep", "#/train/sweep", isSweep)}
          </div>
        </div>
        <div>${form}</div>`,
      root,
    );

  function begin(asked) {
    const draft = loadDraft(isSweep ? "sweep" : "job");
    const made = isSweep ? sweepForm(all, definitions, draft) : jobForm(all, definitions, draft, asked);
    show(made.form);
    made.reset.addEventListener("click", () => {
      saveDraft(made.kind, null);
      begin(null);
      root.querySelector("form").querySelector("input, select, button").focus();
    });
    submitOnce({ ...made, signal });
    saveDraftOnChange(made);
    showForecast({ ...made, signal, measurements });
  }
  begin(query.get("activation"));
  setQuery({}); // the form holds the activation now
}

/** Stores the form's values in the browser until it is reset. */
function saveDraftOnChange({ form, kind, draft, reset }) {
  const renew = () => {
    const now = draft();
    const blank = !Object.keys(now.fields).length && !now.grid?.length && (now.activations ?? null) === null;
    saveDraft(kind, blank ? null : now);
    reset.hidden = blank;
  };
  for (const event of ["input", "change"]) form.addEventListener(event, renew);
  renew();
}

/** Sends the form, one request at a time; the idempotency key changes with the form's content. */
function submitOnce({ form, button, alert, places, request, to, target }) {
  let idempotencyKey = createRandomKey();
  form.addEventListener("input", () => {
    idempotencyKey = createRandomKey();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearErrors(places());
    alert.textContent = "";
    if (showFaults(findFaults(places()), places())) return;
    button.disabled = true;
    try {
      const made = await post(to, request(), { headers: { "Idempotency-Key": idempotencyKey } });
      go(`#/${target}/${made.id}`);
    } catch (error) {
      const elsewhere = error instanceof ApiError ? showErrors(error.errors, places()) : [];
      alert.textContent = error.errors?.length ? elsewhere.join(" ") : error.message;
    } finally {
      button.disabled = false;
    }
  });
}
