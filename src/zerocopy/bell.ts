/**
 * The bell of one role: a word that says whether and where the role sleeps. Whoever published something rings; ringing
 * someone awake is one load.
 *
 *   sleeper                                  ringer
 *   prepareSleep(kind)   word := asleep      publish something
 *   look at all rings once more              ring():  word asleep? swap it to awake, and only who swapped wakes
 *   sleep (futex, poll, event loop)
 *   cancelSleep()        word := awake
 *
 * Either the sleeper sees what was published, or the ringer sees the sleeper: both write first and read afterwards, and
 * all four are Atomics. A futex sleep that starts after the ring returns at once, because the word changed.
 */
import { assert } from '../base/assert.ts';
import { BELL_ASLEEP_FUTEX, BELL_ASLEEP_KERNEL, BELL_ASLEEP_LOOP, BELL_AWAKE, BELL_BYTES } from './layout.ts';
import { memoryOf, type Native } from './native.ts';

export class Bell {
  /** The word lies at the start of the role's row. */
  private readonly words: Int32Array<SharedArrayBuffer>;
  /** Keeps the shared memory reachable as long as the address is used. */
  private readonly row: Uint8Array;
  private readonly address: number;
  private readonly native: Native | null;
  private readonly eventFd: number;
  private readonly wakeLoop: (() => void) | null;

  constructor(
    words: SharedArrayBuffer,
    index: number,
    native: Native | null,
    eventFd: number,
    wakeLoop: (() => void) | null,
  ) {
    assert(index >= 0 && (index + 1) * BELL_BYTES <= words.byteLength, 'a bell has a row in the shared memory');
    this.words = new Int32Array(words, index * BELL_BYTES, BELL_BYTES >> 2);
    this.row = new Uint8Array(words, index * BELL_BYTES, BELL_BYTES);
    this.address = memoryOf(this.row, native).address;
    this.native = native;
    this.eventFd = eventFd;
    this.wakeLoop = wakeLoop;
  }

  /** Any thread. Wakes the role if it sleeps; of several ringers one wakes. */
  ring(): void {
    if (Atomics.load(this.words, 0) === BELL_AWAKE) return;
    const kind = Atomics.exchange(this.words, 0, BELL_AWAKE);
    if (kind !== BELL_AWAKE) this.wake(kind);
  }

  /** The role itself: from here on ringers wake it. It looks at its rings once more before it sleeps. */
  prepareSleep(kind: number): void {
    assert(kind >= BELL_ASLEEP_FUTEX && kind <= BELL_ASLEEP_LOOP, 'a role sleeps in a futex, the kernel or its loop');
    Atomics.store(this.words, 0, kind);
  }

  /** The role itself: it is awake, whether it slept or found something to do. */
  cancelSleep(): void {
    Atomics.store(this.words, 0, BELL_AWAKE);
  }

  /** After prepareSleep(BELL_ASLEEP_FUTEX): returns when someone rang, at the latest after `waitMs`. */
  waitFutex(waitMs: number): void {
    assert(waitMs >= 0, 'a wait has a length');
    if (this.native === null) Atomics.wait(this.words, 0, BELL_ASLEEP_FUTEX, waitMs);
    else this.native.futexWait(this.address, BELL_ASLEEP_FUTEX, waitMs);
    this.cancelSleep();
  }

  private wake(kind: number): void {
    if (kind === BELL_ASLEEP_FUTEX) {
      if (this.native === null) Atomics.notify(this.words, 0, 1);
      else this.native.futexWake(this.address, 1);
      return;
    }
    if (kind === BELL_ASLEEP_LOOP) {
      assert(this.wakeLoop !== null, 'a role that sleeps in its loop has a way to be woken');
      this.wakeLoop();
      return;
    }
    assert(kind === BELL_ASLEEP_KERNEL, 'a role sleeps in a futex, the kernel or its loop');
    assert(this.native !== null && this.eventFd >= 0, 'a role that sleeps in the kernel has an event descriptor');
    this.native.eventfdWrite(this.eventFd);
  }
}
