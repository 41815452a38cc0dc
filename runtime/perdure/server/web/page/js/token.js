/** Where the token is kept: for this tab, or on this machine if the person ticks "remember". Never in a cookie. */

const KEY = "perdure.token";

/** @returns {string} empty for none */
export const keptToken = () => sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "";

/** @param {string} token @param {boolean} remember */
export function keepToken(token, remember) {
  forgetToken();
  (remember ? localStorage : sessionStorage).setItem(KEY, token);
}

export function forgetToken() {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
}
