/** The colours of the style sheet, which are JupyterLab's. */

/**
 * @typedef {object} Theme
 * @property {string} paper
 * @property {string} card
 * @property {string} ink
 * @property {string} line
 * @property {string} brand
 * @property {string} quiet
 * @property {boolean} dark
 * @property {string} font
 */

/** @type {(root: HTMLElement, quiet: HTMLElement) => Theme} */
export function readTheme(root, quiet) {
  const style = getComputedStyle(root);
  const colour = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  return {
    paper: colour("paper"),
    card: colour("card"),
    ink: colour("ink"),
    line: colour("line"),
    brand: colour("brand"),
    quiet: getComputedStyle(quiet).color, // a mix: resolved only as a colour
    dark: document.body.dataset.jpThemeLight === "false",
    font: style.fontFamily,
  };
}
