/**
 * The HTTP API. Reads are repeated quietly while the server starts or is away; writes are
 * repeated only on 503, which says that nothing was done.
 */

import { Bus } from "./dom.js";

const ARROW = "application/vnd.apache.arrow.stream";
const TOKEN = "rayograph.token";
const READY_POLL_MS = 600;
const AWAY_POLL_MS = 1500;
const WRITE_PATIENCE_MS = 90_000;

/** A refusal by the server, or `code: "network"` when there was no answer. */
export class ApiError extends Error {
  constructor(message, { code = "error", status = 0, hint = null, position = 0 } = {}) {
    super(message);
    Object.assign(this, { code, status, hint, position });
  }
}

const pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });

/** JSON whose seeds of 64 bits, which numbers here would round, stay texts. */
const exact = (text) => JSON.parse(text.replace(/(?<!\\)"seed":\s*(\d{16,})/g, '"seed":"$1"'));

export class Api extends Bus {
  /** "up", "starting" (the engine is not ready yet) or "away" (no answer). */
  state = "up";
  phase = null;
  #watching = null;
  #login = null;

  get(path, { signal } = {}) {
    return this.#request("GET", path, undefined, signal);
  }

  /** An Arrow stream as an `ArrayBuffer`, or what JSON says in its place. */
  arrow(path, { signal } = {}) {
    return this.#request("GET", path, undefined, signal, ARROW);
  }

  post(path, body, { signal } = {}) {
    return this.#request("POST", path, body, signal);
  }

  patch(path, body) {
    return this.#request("PATCH", path, body);
  }

  put(path, body) {
    return this.#request("PUT", path, body);
  }

  delete(path) {
    return this.#request("DELETE", path);
  }

  /** Ask once whether the engine is up; when not, watch until it is. */
  async check() {
    const state = await this.#probe();
    if (state !== "up") this.#watch(state);
    return state;
  }

  /** A stream broke or a picture did not come: find out whether the server is there at all. */
  suspect() {
    if (!this.#watching) this.check();
  }

  /** Resolves when somebody has given a token the server takes. */
  #loggedIn() {
    this.#login ??= new Promise((resolve) => {
      this.emit("login", async (token) => {
        await this.#tryToken(token);
        this.#login = null;
        resolve();
        this.emit("loggedin");
      });
    });
    return this.#login;
  }

  async #tryToken(token) {
    const answer = await fetch("/api/login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    });
    if (!answer.ok) throw await this.#error(answer);
    try {
      sessionStorage.setItem(TOKEN, token);
    } catch {
      // The cookie that the login sets is enough.
    }
  }

  #headers(body, accept = "application/json") {
    const headers = { Accept: accept };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let token = null;
    try {
      token = sessionStorage.getItem(TOKEN);
    } catch {
      // Without storage the cookie speaks for us.
    }
    if (token) headers.Authorization = `Bearer ${token}`;
    return headers;
  }

  async #request(method, path, body, signal, accept) {
    const started = performance.now();
    for (let attempt = 0; ; attempt += 1) {
      let answer;
      try {
        answer = await fetch(path, {
          method,
          signal,
          headers: this.#headers(body, accept),
          body: body === undefined ? undefined : JSON.stringify(body),
        });
      } catch (error) {
        if (signal?.aborted) throw error;
        this.#watch("away");
        if (method !== "GET") throw new ApiError("The server did not answer", { code: "network" });
        await pause(Math.min(400 * 2 ** attempt, 4000), signal);
        continue;
      }
      if (answer.status === 401) {
        await this.#loggedIn();
        continue;
      }
      if (answer.ok) {
        this.#settle("up");
        if (answer.headers.get("Content-Type") === ARROW) return answer.arrayBuffer();
        return answer.status === 204 ? null : exact(await answer.text());
      }
      const error = await this.#error(answer);
      // Between the boot front and the engine a bare 404 or 405 can slip through: it is not ours.
      const gap = error.code === "bare" && (answer.status === 404 || answer.status === 405);
      const again = answer.status === 503 || (gap && attempt < 6);
      const patient = method === "GET" || performance.now() - started < WRITE_PATIENCE_MS;
      if (!again || !patient) throw error;
      if (answer.status === 503) this.#watch("starting");
      const after = Number(answer.headers.get("Retry-After")) * 1000;
      await pause(Math.min(after || 350 * 2 ** Math.min(attempt, 3), 3000), signal);
    }
  }

  async #error(answer) {
    const body = await answer.json().catch(() => null);
    const known = body?.error;
    if (!known?.code) {
      return new ApiError(`The server answered ${answer.status}`, {
        code: "bare",
        status: answer.status,
      });
    }
    return new ApiError(known.message, { ...known, status: answer.status });
  }

  /** One look at `/api/readyz`. */
  async #probe() {
    try {
      const answer = await fetch("/api/readyz", { headers: this.#headers() });
      if (answer.ok) return "up";
      const body = await answer.json().catch(() => ({}));
      this.phase = body.phase ?? body.details?.phase ?? null;
      return "starting";
    } catch {
      return "away";
    }
  }

  /** Poll until ready; each change of state is told once. */
  #watch(state) {
    this.#tell(state);
    this.#watching ??= (async () => {
      let now = state;
      while (now !== "up") {
        await pause(now === "away" ? AWAY_POLL_MS : READY_POLL_MS);
        now = await this.#probe();
        if (now !== "up") this.#tell(now);
      }
      this.#watching = null;
      this.#settle("up");
    })();
  }

  #tell(state) {
    this.state = state;
    this.emit("state", state);
  }

  #settle(state) {
    // While a watch runs only the watch may say that the engine is ready: reads work before it.
    if (this.#watching || this.state === state) return;
    this.#tell(state);
  }
}

/** The address of a thumbnail about `px` wide. */
export function thumbnail(id, px, version = null) {
  const size = px <= 128 ? 128 : px <= 256 ? 256 : px <= 512 ? 512 : 1024;
  const mark = version === null ? "" : `&v=${version}`;
  return `/api/images/${encodeURIComponent(id)}/thumbnail?size=${size}${mark}`;
}

export const original = (id) => `/api/images/${encodeURIComponent(id)}/file`;
