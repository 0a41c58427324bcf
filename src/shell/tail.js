// Who is listening to what happens, and how they are told: server-sent events, from memory only.

/** 256 KiB of events that a listener has not taken; what comes on top is dropped, and it is told how much. */
const HELD = 256 << 10;
/** A listener that is told nothing for so long hears that the line still stands. */
const HEARTBEAT_MS = 15_000;
/** While somebody listens the object cannot sleep: a listener that was forgotten ends, another comes back by itself. */
const TERM_MS = 600_000;

const encoder = new TextEncoder();

export class Tail {
  #listeners = new Set();
  /** Events that nobody got, since the object woke. */
  dropped = 0;

  get listeners() {
    return this.#listeners.size;
  }

  /** A body that goes on until whoever reads it leaves, or its term ends. */
  open(signal, termMs = TERM_MS, heartbeatMs = HEARTBEAT_MS) {
    const listener = { lost: 0 };
    const end = () => {
      if (!this.#listeners.delete(listener)) return;
      clearInterval(listener.heart);
      clearTimeout(listener.term);
      try {
        listener.controller.close();
      } catch {
        // Whoever has left closed it.
      }
    };
    const start = (controller) => {
      listener.controller = controller;
      listener.heart = setInterval(() => this.#send(listener, ':\n\n'), heartbeatMs);
      listener.term = setTimeout(end, termMs);
      this.#listeners.add(listener);
      controller.enqueue(encoder.encode('retry: 1000\n\n'));
    };
    signal?.addEventListener('abort', end, { once: true });
    const room = { highWaterMark: HELD, size: (bytes) => bytes.length };
    return new ReadableStream({ start, cancel: end }, room);
  }

  /** Tell all listeners. `data` is one line of JSON. */
  say(event, data) {
    const text = `event: ${event}\ndata: ${data}\n\n`;
    for (const listener of this.#listeners) {
      const { lost } = listener;
      const missed = lost > 0 ? `event: lost\ndata: {"count":${lost}}\n\n` : '';
      if (this.#send(listener, missed + text)) {
        listener.lost = 0;
      } else {
        listener.lost += 1;
        this.dropped += 1;
      }
    }
  }

  /** Whether there was room for it. */
  #send({ controller }, text) {
    const bytes = encoder.encode(text);
    if (controller.desiredSize < bytes.length) return false;
    controller.enqueue(bytes);
    return true;
  }
}
