// Modal dialogs.

import { patch } from "./api.js";
import { createId, fill, h } from "./dom.js";
import { describeError } from "./error_messages.js";
import { labelOf } from "./field_labels.js";

const MAX_LENGTH = 500;

/** Asks for confirmation. @returns {Promise<boolean>} */
export function confirmAction({ title, text, action }) {
  return new Promise((resolve) => {
    const id = createId("dialog");
    const dialog = h(
      "dialog",
      {
        "aria-labelledby": id,
        onclose: () => {
          dialog.remove();
          resolve(dialog.returnValue === "yes");
        },
      },
      h("h2", { id }, title),
      h("p", {}, text),
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", onclick: () => dialog.close("no") }, "Keep"),
        h("button", { type: "button", class: "danger", onclick: () => dialog.close("yes") }, action),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}

/**
 * Prompts for a name and a note, and saves them.
 *
 * @param {{path: string, metadata: Record<string, string>}} job `path` is the API's
 * @returns {Promise<object|null>} the changed job, or null
 */
export function rename({ path, metadata }) {
  return new Promise((resolve) => {
    const id = createId("rename");
    const wrong = h("p", { class: "refusal", role: "alert" });
    const field = (name, control) =>
      h("div", { class: "field" }, h("label", { for: control.id }, labelOf(`metadata.${name}`)), control);
    const text = { maxlength: MAX_LENGTH, autocomplete: "off" };
    const name = h("input", { ...text, type: "text", id: `${id}-name`, value: metadata.name ?? "" });
    const note = h("textarea", { ...text, id: `${id}-note`, rows: 3 }, metadata.note ?? "");
    const save = h("button", { class: "primary" }, "Save");
    let changed = null;
    const onsubmit = async (event) => {
      event.preventDefault();
      save.disabled = true;
      const value = (control) => control.value.trim() || null;
      try {
        changed = await patch(path, { metadata: { name: value(name), note: value(note) } });
        dialog.close();
      } catch (error) {
        fill(wrong, describeError(error));
        save.disabled = false;
      }
    };
    const dialog = h(
      "dialog",
      {
        class: "wide",
        "aria-labelledby": id,
        onclose: () => {
          dialog.remove();
          resolve(changed);
        },
      },
      h("h2", { id }, "Name and note"),
      h(
        "form",
        { class: "stack", onsubmit },
        field("name", name),
        field("note", note),
        wrong,
        h("div", { class: "actions" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), save),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
