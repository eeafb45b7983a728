// Modal dialogs.

import { patch } from "./api.js";
import { create, html, render } from "./dom.js";
import { describeError } from "./error_messages.js";
import { labelOf } from "./field_labels.js";

const MAX_LENGTH = 500;

/** Shows a dialog. @returns {Promise<void>} resolves when it is closed */
function showDialog(dialog) {
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
  });
}

/** Asks for confirmation. @returns {Promise<boolean>} */
export async function confirmAction({ title, text, action }) {
  const dialog = create(html`
    <dialog aria-labelledby="dialog-title">
      <h2 id="dialog-title">${title}</h2>
      <p>${text}</p>
      <div class="actions">
        <button type="button" @click=${() => dialog.close("no")}>Keep</button>
        <button type="button" class="danger" @click=${() => dialog.close("yes")}>${action}</button>
      </div>
    </dialog>`);
  await showDialog(dialog);
  return dialog.returnValue === "yes";
}

/**
 * Prompts for a name and a note, and saves them.
 *
 * @param {{path: string, metadata: Record<string, string>}} job `path` is the API's
 * @returns {Promise<object|null>} the changed job, or null
 */
export async function rename({ path, metadata }) {
  let changed = null;
  const dialog = create(html`<dialog class="wide" aria-labelledby="dialog-title"></dialog>`);
  const value = (name) => dialog.querySelector(`[name=${name}]`).value.trim() || null;
  const save = async (event) => {
    event.preventDefault();
    show({ saving: true });
    try {
      changed = await patch(path, { metadata: { name: value("name"), note: value("note") } });
      dialog.close();
    } catch (error) {
      show({ error });
    }
  };
  const show = ({ saving = false, error = null }) =>
    render(
      html`
        <h2 id="dialog-title">Name and note</h2>
        <form class="stack" @submit=${save}>
          <div class="field">
            <label for="job-name">${labelOf("metadata.name")}</label>
            <input id="job-name" name="name" type="text" maxlength=${MAX_LENGTH} autocomplete="off"
              .value=${metadata.name ?? ""} />
          </div>
          <div class="field">
            <label for="job-note">${labelOf("metadata.note")}</label>
            <textarea id="job-note" name="note" rows="3" maxlength=${MAX_LENGTH} autocomplete="off"
              .value=${metadata.note ?? ""}></textarea>
          </div>
          <p class="refusal" role="alert">${error && describeError(error)}</p>
          <div class="actions">
            <button type="button" @click=${() => dialog.close()}>Cancel</button>
            <button class="primary" ?disabled=${saving}>Save</button>
          </div>
        </form>`,
      dialog,
    );
  show({});
  await showDialog(dialog);
  return changed;
}
