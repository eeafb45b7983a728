// The theme: auto, light or dark. Stored by the browser; charts listen for changes.

const KEY = "activation-lab-theme";
const THEMES = ["auto", "light", "dark"];
const dark = matchMedia("(prefers-color-scheme: dark)");

export const changes = new EventTarget();

const readTheme = () => THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? "auto";

function apply() {
  const theme = readTheme();
  document.documentElement.dataset.theme = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
  document.documentElement.dataset.chosenTheme = theme;
  document.getElementById("theme-now").textContent = `: ${theme}`;
  changes.dispatchEvent(new Event("change"));
}

export function installTheme(button) {
  apply();
  dark.addEventListener("change", apply);
  button.addEventListener("click", () => {
    localStorage.setItem(KEY, THEMES[(THEMES.indexOf(readTheme()) + 1) % THEMES.length]);
    apply();
  });
}
