// Reads that wake JavaScript seldom and yet keep nothing from the client.
//
// What a stream costs here is being woken once per network chunk. A read with a minimum lets the runtime gather chunks
// natively, in one buffer, until so many bytes are there: a steady stream then wakes us once a window, with no timer.
// The minimum follows the stream's own rate. Its danger is the pause: the last bytes before it would wait for more.
// So while a read is pending we look into its buffer (`streams_byob_reader_does_not_detach_buffer` leaves it readable),
// whenever a window has passed without enough bytes. The buffer was cleared before; text never contains a NUL; whatever
// stands before the first one has arrived, and is delivered. When the read resolves, only what lies behind is taken.
//
// Nothing depends on the look for correctness: where it shows nothing the bytes come with the read. A platform on which
// it never shows anything is noticed, and reads there take what comes.

/** 16 KiB: a hundred events of a flood a wake, and 16 MB for a thousand streams in one isolate. */
const SIZE = 16 << 10;
/** A look that keeps seeing nothing is repeated less often, up to this many milliseconds. */
const SELDOM_MS = 300;
/** How much of what a window should bring is asked for, so that the read is done before the look is due. */
const EXPECTED = 0.8;
/** Reads that brought several chunks after looks that saw none of them, until the platform counts as blind. */
const BLIND = 3;

/** Whether a look has ever shown anything in this isolate, and how often it should have and did not. */
let sighted = false;
let missed = 0;

export class Reader {
  #reader;
  #bytes = new Uint8Array(SIZE);
  /** How much of the buffer may hold something else than NUL. */
  #dirty = 0;
  /** Bytes of the pending read that have been delivered. */
  #seen = 0;
  #looks = 0;
  #pending = false;
  #began = 0;
  /** What a finished read left for the next call: bytes, `null` for the end, or an error. */
  #result;
  #error;
  #resolve;
  #reject;
  #timer;
  /** Bytes a millisecond, smoothed, and when bytes last came. */
  #rate = 0;
  #last = 0;

  constructor(body) {
    this.#reader = body.getReader({ mode: 'byob' });
  }

  /**
   * The next bytes, valid until the next call; `undefined` at the end. Bytes may be gathered for `windowMs`; 0 takes
   * whatever comes first.
   */
  next(windowMs) {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      if (this.#result !== undefined || this.#error !== undefined) this.#deliver();
      else if (this.#pending) this.#guard(windowMs);
      else this.#read(windowMs);
    });
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #read(windowMs) {
    const blind = !sighted && missed >= BLIND;
    const min = blind ? 1 : Math.max(1, Math.min(SIZE / 2, Math.floor(this.#rate * windowMs * EXPECTED)));
    this.#bytes.fill(0, 0, this.#dirty);
    this.#dirty = 0;
    this.#seen = 0;
    this.#looks = 0;
    this.#pending = true;
    this.#began = Date.now();
    this.#reader.read(this.#bytes, { min }).then(
      ({ done, value }) => this.#arrived(done, value),
      (error) => this.#failed(error),
    );
    if (min > 1) this.#guard(windowMs);
  }

  #arrived(done, value) {
    this.#pending = false;
    const now = Date.now();
    const took = now - this.#began;
    // In a flood the timer is left to find a later read, which is cheaper than setting one for each.
    if (took >= 8 || done) this.stop();
    const size = value?.byteLength ?? 0;
    if (value !== undefined && value.buffer !== this.#bytes.buffer && size > 0) {
      // The buffer was taken from us after all, or the source has its own: nothing can be looked into.
      if (this.#bytes.byteLength === 0) this.#bytes = new Uint8Array(SIZE);
      missed = sighted ? missed : BLIND;
    } else {
      this.#dirty = size;
    }
    if (size > 0) {
      const rate = size / Math.max(now - (this.#last || this.#began), 1);
      this.#rate = this.#rate === 0 ? rate : (this.#rate + rate) / 2;
      this.#last = now;
      if (this.#looks >= 2 && this.#seen === 0) missed += 1;
    }
    const rest = size > this.#seen ? value.subarray(this.#seen) : undefined;
    if (rest === undefined && !done) this.#read(0);
    else {
      this.#result = rest ?? null;
      if (done && rest !== undefined) this.#error = null;
      this.#deliver();
    }
  }

  #failed(error) {
    this.#pending = false;
    this.stop();
    // What the provider sent before it was cut off is the client's.
    const end = this.#end();
    if (end > this.#seen) this.#result = this.#bytes.subarray(this.#seen, end);
    this.#error = error ?? new Error('cut');
    this.#deliver();
  }

  /** Hand over what is known, if somebody waits for it. */
  #deliver() {
    const resolve = this.#resolve;
    if (resolve === undefined) return;
    if (this.#result !== undefined) {
      const bytes = this.#result ?? undefined;
      this.#result = undefined;
      this.#resolve = undefined;
      resolve(bytes);
    } else if (this.#error !== undefined) {
      this.#resolve = undefined;
      // `null`: the end came together with the last bytes.
      if (this.#error === null) resolve(undefined);
      else this.#reject(this.#error);
    }
  }

  #guard(ms) {
    if (this.#timer === undefined && ms > 0) this.#timer = setTimeout(() => this.#look(ms), ms);
  }

  #look(ms) {
    this.#timer = undefined;
    if (!this.#pending || this.#resolve === undefined) return;
    const waited = Date.now() - this.#began;
    if (waited < ms) {
      this.#timer = setTimeout(() => this.#look(ms), ms - waited);
      return;
    }
    this.#looks += 1;
    const end = this.#end();
    if (end <= this.#seen) {
      this.#guard(Math.min(ms * 2, SELDOM_MS));
      return;
    }
    sighted = true;
    const bytes = this.#bytes.subarray(this.#seen, end);
    this.#seen = end;
    // The rate was overestimated: the next read asks for less.
    this.#rate /= 2;
    const resolve = this.#resolve;
    this.#resolve = undefined;
    resolve(bytes);
  }

  /** Where the bytes that have arrived end. */
  #end() {
    const end = this.#bytes.indexOf(0, this.#seen);
    return end < 0 ? this.#bytes.length : end;
  }
}
