/** One dataset's progress: pushed by the server, also when its work is done: files may change. */

const POLL_MS = 1200;
const REST_MS = 12_000;

export class ProgressStream {
  #api;
  #tell;
  #id = null;
  #source = null;
  #timer = 0;

  constructor(api, tell) {
    this.#api = api;
    this.#tell = tell;
    document.addEventListener("visibilitychange", () => {
      // A hidden page must not hold one of the few connections a browser grants a host.
      if (document.hidden) this.#stop();
      else this.wake();
    });
  }

  open(datasetId) {
    this.#stop();
    this.#id = datasetId;
    this.#poll();
  }

  close() {
    this.#stop();
    this.#id = null;
  }

  /** Something was asked of the server, or it came back: look now, and listen again. */
  wake() {
    if (this.#id && !this.#source) this.#poll();
  }

  #stop() {
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#timer);
  }

  async #poll() {
    this.#stop();
    const id = this.#id;
    if (!id || document.hidden) return;
    try {
      const progress = await this.#api.get(`/api/progress/${encodeURIComponent(id)}`);
      if (this.#id !== id || this.#source) return;
      this.#tell(progress);
      // A front that only boots the server would hold a stream open and say nothing on it.
      if (this.#api.state === "up") this.#listen(id);
      else this.#later(POLL_MS);
    } catch {
      this.#later(REST_MS);
    }
  }

  #listen(id) {
    this.#stop();
    const source = new EventSource(`/sse/progress/${encodeURIComponent(id)}?stay=true`);
    this.#source = source;
    source.onmessage = (event) => {
      if (this.#source !== source) return;
      this.#tell(JSON.parse(event.data));
    };
    // The browser's own retry cannot tell an end from a refusal; asking the API can.
    source.onerror = () => {
      if (this.#source !== source) return;
      this.#stop();
      this.#later(POLL_MS);
    };
  }

  #later(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#poll(), ms);
  }
}
