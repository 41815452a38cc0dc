/** Requests to the server that served the page: `/v1`, with the token in a header and errors as RFC 9457 says them. */

/** What the server refused, or could not do. */
export class Problem extends Error {
  /** @param {{status: number, code?: string, title?: string, detail?: string, data?: any, instance?: string}} body */
  constructor(body) {
    super(body.detail || body.title || `the server answered ${body.status}`);
    this.name = "Problem";
    this.status = body.status;
    /** The error's name: `UnknownJob`, `ForkRefused` … */
    this.code = body.code ?? "";
    this.data = body.data ?? {};
    this.instance = body.instance ?? "";
  }
}

/** Nobody answers. */
export class Unreachable extends Error {
  constructor() {
    super("the server does not answer");
    this.name = "Unreachable";
  }
}

/**
 * A path whose parts are quoted: path`/v1/jobs/${id}/pause`.
 * @param {TemplateStringsArray} texts @param {...any} values
 */
export const path = (texts, ...values) =>
  texts.reduce((left, text, index) => left + encodeURIComponent(String(values[index - 1])) + text);

/** @param {Record<string, any>} query lists are repeated; null, undefined and "" are left out */
export function queryText(query) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== null && each !== undefined && each !== "") found.append(name, String(each));
    }
  }
  const text = found.toString();
  return text ? `?${text}` : "";
}

/** A new key for a request that must not be done twice. */
export function newKey() {
  const numbers = crypto.getRandomValues(new Uint8Array(16));
  return [...numbers].map((each) => each.toString(16).padStart(2, "0")).join("");
}

export class Api {
  /**
   * @param {string} token
   * @param {{reached?: () => void, lost?: () => void, refused?: () => void}} [told] after each request: somebody
   *   answered, nobody did, or the token opens nothing any more
   */
  constructor(token, told = {}) {
    this.token = token;
    this.told = told;
  }

  /**
   * The bare answer.
   * @param {string} verb @param {string} target path and query
   * @param {{body?: any, upload?: Blob, headers?: Record<string, string>, signal?: AbortSignal}} [more]
   * @returns {Promise<Response>}
   * @throws {Problem | Unreachable} or an AbortError, if `signal` says so
   */
  async request(verb, target, { body, upload, headers = {}, signal } = {}) {
    const all = { Authorization: `Bearer ${this.token}`, ...headers };
    if (body !== undefined) all["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(target, {
        method: verb,
        headers: all,
        body: upload ?? (body === undefined ? undefined : JSON.stringify(body)),
        signal,
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      this.told.lost?.();
      throw new Unreachable();
    }
    this.told.reached?.();
    if (response.ok) return response;
    if (response.status === 401) this.told.refused?.();
    throw await problemOf(response);
  }

  /** @param {string} verb @param {string} target @param {any} more @returns {Promise<any>} */
  async #json(verb, target, more) {
    const response = await this.request(verb, target, more);
    if (response.status === 204) return null;
    try {
      return await response.json();
    } catch (error) {
      if (more.signal?.aborted) throw error;
      this.told.lost?.(); // it broke off in the middle
      throw new Unreachable();
    }
  }

  /** @param {string} target @param {Record<string, any>} [query] @param {{signal?: AbortSignal}} [more] */
  get(target, query = {}, more = {}) {
    return this.#json("GET", target + queryText(query), more);
  }

  /**
   * @param {string} target @param {any} [body]
   * @param {{key?: string, signal?: AbortSignal}} [more] who tries again gives the same `key`
   */
  post(target, body = undefined, { key = newKey(), signal } = {}) {
    return this.#json("POST", target, { body, signal, headers: { "Idempotency-Key": key } });
  }

  /** @param {string} target @param {any} body */
  put(target, body) {
    return this.#json("PUT", target, { body });
  }

  /** @param {string} target @param {any} body */
  patch(target, body) {
    return this.#json("PATCH", target, { body });
  }

  /** @param {string} target @param {Record<string, any>} [query] */
  delete(target, query = {}) {
    return this.#json("DELETE", target + queryText(query), {});
  }

  /** Send a file. @param {string} target @param {Blob} file @param {Record<string, any>} [query] */
  upload(target, file, query = {}) {
    const headers = { "Content-Type": "application/octet-stream", "Idempotency-Key": newKey() };
    return this.#json("POST", target + queryText(query), { upload: file, headers });
  }

  /** Get a file, and let the browser keep it under a name. @param {string} target @param {string} name */
  async download(target, name) {
    const response = await this.request("GET", target);
    const address = URL.createObjectURL(await response.blob());
    const link = document.createElement("a");
    link.href = address;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }
}

/** @param {Response} response */
async function problemOf(response) {
  try {
    return new Problem({ ...(await response.json()), status: response.status });
  } catch {
    return new Problem({ status: response.status });
  }
}
