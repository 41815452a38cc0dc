/** Light and dark: as the system has it, until the person says otherwise. */

const KEY = "perdure.theme";

/** @returns {"light" | "dark"} */
export function themeNow() {
  const chosen = localStorage.getItem(KEY);
  if (chosen === "light" || chosen === "dark") return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Show the page so, and so again when the system changes. @param {() => void} told */
export function followTheme(told) {
  const apply = () => {
    document.documentElement.dataset.theme = themeNow();
    told();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
  apply();
  return () => {
    localStorage.setItem(KEY, themeNow() === "dark" ? "light" : "dark");
    apply();
  };
}
