import { describe, expect, it } from 'vitest';
import { ClockWatch } from '../../src/replica/clock-watch.ts';
import { VirtualTime } from '../support/virtual-clock.ts';

const MINUTE_US = 60_000_000;
const silent = { debug() {}, info() {}, warn() {}, error() {}, fatal() {}, child: () => silent } as never;

describe('clocks that are compared', () => {
  it('are too few where there are two: nobody can tell which one is wrong [S15]', () => {
    const clock = new VirtualTime().clock(() => 0);
    const clocks = new ClockWatch(clock, silent);
    clocks.hear('n2', clock.nowUs() + MINUTE_US);
    expect([clocks.aheadUs(), clocks.check()]).toEqual([0, true]);
    clocks.hear('n3', clock.nowUs() + MINUTE_US);
    expect([clocks.aheadUs(), clocks.check()]).toEqual([-MINUTE_US, false]);
  });

  it('are as a leader has heard them, for one that hears of its leader alone [S15]', async () => {
    const time = new VirtualTime();
    const [leaders, followers] = [time.clock(() => -MINUTE_US), time.clock(() => 0)];
    const [leader, follower] = [new ClockWatch(leaders, silent), new ClockWatch(followers, silent)];
    leader.hear('n2', followers.nowUs());
    leader.hear('n3', leaders.nowUs());
    await time.run(4_000);
    const told = leader.heardFor('n2');
    expect(told).toEqual([{ member: 'n3', aheadUs: 0, ageMs: 4_000 }]);
    follower.hear('n1', leaders.nowUs(), told);
    expect([follower.aheadUs(), follower.check()]).toEqual([MINUTE_US, false]);
    // It does not become younger by being passed on.
    await time.run(6_001);
    expect([follower.aheadUs(), follower.check()]).toEqual([0, true]);
  });

  it('go on while nothing is heard of them, and are forgotten after ten seconds: they may have been set [S15]', async () => {
    const time = new VirtualTime();
    const clock = time.clock(() => 0);
    const clocks = new ClockWatch(clock, silent);
    for (const peer of ['n2', 'n3']) clocks.hear(peer, clock.nowUs() + MINUTE_US);
    await time.run(10_000);
    expect([clocks.aheadUs(), clocks.check()]).toEqual([-MINUTE_US, false]);
    await time.run(1);
    expect([clocks.aheadUs(), clocks.check()]).toEqual([0, true]);
  });

  it('tell a clock that jumped by more than a day from one that drifts [S15]', async () => {
    const time = new VirtualTime();
    let skewUs = 0;
    const clocks = new ClockWatch(
      time.clock(() => skewUs),
      silent,
    );
    await time.run(60_000);
    expect([clocks.jumped, clocks.check()]).toEqual([false, true]);
    for (const jumpUs of [1, -1].map((sign) => sign * 1_440 * MINUTE_US)) {
      skewUs = jumpUs;
      expect(clocks.jumped).toBe(false);
      skewUs += Math.sign(jumpUs);
      expect([clocks.jumped, clocks.check()]).toEqual([true, false]);
    }
  });
});
