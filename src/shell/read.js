// Reads that wake JavaScript seldom and yet keep nothing from the client.
//
// What a stream costs here is being woken, by the network, a timer or a write that is done. A stream that comes slowly
// is read chunk by chunk. One that brings several chunks a window is gathered natively, in one buffer, by a read with a
// large minimum; once a window a tick looks into the buffer of the pending read
// (`streams_byob_reader_does_not_detach_buffer` leaves it readable) and delivers what has arrived. The buffer was cleared
// before; text never contains a NUL; whatever stands before the first one has arrived. When the read resolves, only what
// lies behind is taken.
//
// Nothing depends on the look for correctness: where it shows nothing the bytes come with the read. A platform on which
// it never shows anything is noticed, and reads there take what comes. A stream is given a large minimum only after a
// look has shown something of it.

/** 16 KiB: a hundred events of a flood a wake, and 16 MB for a thousand streams in one isolate. */
const SIZE = 16 << 10;
/** A window must bring so many chunks for a tick to be cheaper than being woken for each. */
const WORTHWHILE = 2;
/** Pieces that come within this time are one chunk, unless they do not end. */
const TOGETHER_MS = 3;
const FLOOD = 4;
/** A gathering read asks for what comes in this time: its end is one more wake. */
const GATHER_MS = 1000;
/** Reads that brought several chunks after looks that saw none of them, until the platform counts as blind. */
const BLIND = 3;

/** Whether a look has ever shown anything in this isolate, and how often it should have and did not. */
let sighted = false;
let missed = 0;

/** How a flow rejects when nobody takes its bytes any more. */
export class Left extends Error {}

export class Reader {
  #reader;
  #bytes = new Uint8Array(SIZE);
  /** How much of the buffer may hold something else than NUL. */
  #dirty = 0;
  #pending = false;
  /** The pending read has a minimum, and ticks look into it: */
  #gathering = false;
  /** how often, how often in vain, and what they have delivered of it. */
  #looks = 0;
  #vain = 0;
  #seen = 0;
  /** A look has shown something of this stream. */
  #sighted = false;
  /** What a finished read left: bytes, and why there will be no more. */
  #rest;
  #done = false;
  #error;
  /** When bytes last came; smoothed, the milliseconds between chunks and the bytes a millisecond. */
  #last = 0;
  #gap = Infinity;
  #rate = 0;
  /** How many pieces have come right behind each other. */
  #pieces = 0;
  #timer;
  /** Who waits for one read, and who has the flow. */
  #waiting;
  #flowing;
  /** The flow is not ready for more, and what a tick would have delivered meanwhile is late. */
  #busy = false;
  #late = false;
  /** Since when a flow has had nothing to deliver; 0: it is busy. */
  since = 0;

  constructor(body) {
    this.#reader = body.getReader({ mode: 'byob' });
  }

  /** The next bytes, whatever comes first, valid until the next call; `undefined` at the end. */
  next() {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (this.#done || this.#error !== undefined) this.#answer();
      else this.#read(1);
    });
  }

  /**
   * Give all bytes that follow to `take`, at least every `windowOf()` milliseconds; 0 keeps back nothing. They are valid
   * until the promise that it may return is settled, and no more come before. Resolves at the end; rejects with what
   * broke the stream, with what `take` throws, and with `Left` when its promise is rejected.
   */
  flow(windowOf, take) {
    return new Promise((resolve, reject) => {
      this.#flowing = { windowOf, take, resolve, reject };
      this.since = Date.now();
      this.#advance();
    });
  }

  /** Nobody wants more: a flow that is under way ends at once. */
  stop() {
    clearTimeout(this.#timer);
    const flowing = this.#flowing;
    this.#flowing = undefined;
    // One that has ended already does not hear this.
    flowing?.reject(new Left());
  }

  #read(min) {
    this.#bytes.fill(0, 0, this.#dirty);
    this.#dirty = 0;
    this.#looks = 0;
    this.#vain = 0;
    this.#seen = 0;
    this.#pending = true;
    this.#reader.read(this.#bytes, { min }).then(this.#arrived, this.#failed);
  }

  #arrived = ({ done, value }) => {
    const size = value?.byteLength ?? 0;
    if (size > 0 && value.buffer !== this.#bytes.buffer) {
      // The buffer was taken from us after all, or the source has its own: nothing can be looked into.
      if (this.#bytes.byteLength === 0) this.#bytes = new Uint8Array(SIZE);
      missed = sighted ? missed : BLIND;
    } else {
      this.#dirty = size;
    }
    if (size > 0) this.#measure(size);
    if (size > this.#seen) this.#rest = value.subarray(this.#seen);
    this.#done = done;
    this.#finished();
  };

  #failed = (error) => {
    // What the provider sent before it was cut off is the client's.
    const end = this.#end();
    if (end > this.#seen) this.#rest = this.#bytes.subarray(this.#seen, end);
    this.#error = error ?? new Error('cut');
    this.#finished();
  };

  #finished() {
    this.#pending = false;
    if (this.#waiting !== undefined) this.#answer();
    else if (this.#flowing !== undefined) this.#advance();
  }

  #measure(size) {
    const now = Date.now();
    const took = now - (this.#last || now);
    const rate = size / Math.max(took, 1);
    this.#rate = this.#rate === 0 ? rate : (this.#rate + rate) / 2;
    this.#last = now;
    if (this.#gathering) {
      // Too few chunks for ticks to pay: read them one by one until they come faster.
      if (this.#looks > 3 && this.#vain * 3 > this.#looks) this.#gap = Infinity;
      if (this.#looks >= 2 && this.#seen === 0) missed += 1;
    } else if (took >= TOGETHER_MS) {
      this.#gap = this.#gap === Infinity ? took : (this.#gap + took) / 2;
      this.#pieces = 0;
    } else {
      this.#pieces += 1;
      if (this.#pieces > FLOOD) this.#gap = 0;
    }
  }

  #answer() {
    const { resolve, reject } = this.#waiting;
    const rest = this.#rest;
    this.#waiting = undefined;
    this.#rest = undefined;
    if (rest !== undefined || this.#done) resolve(rest);
    else reject(this.#error);
  }

  /** Go on with the flow, which is not busy, as far as it goes. */
  #advance() {
    while (!this.#busy && this.#flowing !== undefined) {
      const rest = this.#rest;
      if (rest !== undefined) {
        this.#rest = undefined;
        this.#give(rest);
      } else if (this.#done) {
        this.#flowing.resolve();
        this.stop();
      } else if (this.#error !== undefined) {
        this.#fail(this.#error);
      } else {
        this.#ask();
        return;
      }
    }
  }

  /** Start the read that suits the stream. */
  #ask() {
    const window = this.#flowing.windowOf();
    const blind = !sighted && missed >= BLIND;
    this.#gathering = window > 0 && !blind && this.#gap * WORTHWHILE <= window;
    if (!this.#gathering) {
      this.#read(1);
      return;
    }
    const ms = this.#sighted ? Math.max(GATHER_MS, 2 * window) : 1.5 * window;
    this.#read(Math.max(1, Math.min(SIZE / 2, Math.floor(this.#rate * ms))));
    // One that ticks from an earlier read goes on: in a flood, setting one for each would cost more than the read.
    if (this.#timer === undefined) this.#arm(window);
  }

  /** The ticks of all streams fall together, so that the process is woken once for them. */
  #arm(window) {
    this.#timer = setTimeout(this.#tick, window - (Date.now() % window));
  }

  #tick = () => {
    this.#timer = undefined;
    if (this.#flowing === undefined || !this.#gathering) return;
    this.#arm(this.#flowing.windowOf());
    this.#look();
  };

  #look() {
    this.#late = this.#busy;
    if (this.#busy || !this.#pending) return;
    this.#looks += 1;
    const end = this.#end();
    if (end <= this.#seen) {
      this.#vain += 1;
      return;
    }
    sighted = true;
    this.#sighted = true;
    const bytes = this.#bytes.subarray(this.#seen, end);
    this.#seen = end;
    this.#give(bytes);
  }

  /** Where the bytes that have arrived end. */
  #end() {
    const end = this.#bytes.indexOf(0, this.#seen);
    return end < 0 ? this.#bytes.length : end;
  }

  #give(bytes) {
    try {
      const taking = this.#flowing.take(bytes);
      this.#busy = taking !== undefined;
      this.since = this.#busy ? 0 : Date.now();
      taking?.then(this.#taken, this.#left);
    } catch (error) {
      this.#fail(error);
    }
  }

  #taken = () => {
    this.#busy = false;
    this.since = Date.now();
    if (this.#flowing === undefined) return;
    if (!this.#pending) this.#advance();
    else if (this.#late) this.#look();
  };

  #left = () => this.#fail(new Left());

  #fail(error) {
    this.#flowing?.reject(error);
    this.stop();
  }
}
