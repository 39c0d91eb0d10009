import { describe, expect, it } from 'vitest';
import { LINES_MAX, LogLimit, WINDOW_MS } from '../../src/runtime/log-limit.ts';
import { createLogger, type Logger } from '../../src/runtime/logger.ts';
import { VirtualTime } from '../support/virtual-clock.ts';

interface Line {
  readonly event: string;
  readonly level: number;
  readonly of?: string;
  readonly lines?: number;
}

describe('a logger under a storm', () => {
  const storm = (): { time: VirtualTime; logger: Logger; limit: LogLimit; lines: Line[] } => {
    const time = new VirtualTime();
    const limit = new LogLimit(time.clock());
    const lines: Line[] = [];
    const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Line) };
    return { time, limit, lines, logger: createLogger('info', { node: 'n1' }, { limit, destination }) };
  };
  const of = (lines: readonly Line[], event: string) => lines.filter((line) => line.event === event);

  it('writes so many lines of one event, counts the rest, and says at the end of the window how many they were', async () => {
    const { time, logger, limit, lines } = storm();
    for (let n = 0; n < 100_000; n++) logger.error({ event: 'server.bug' }, 'a request ended in an unexpected error');
    expect(lines).toHaveLength(LINES_MAX);
    expect(limit.suppressed).toBe(100_000 - LINES_MAX);
    await time.run(WINDOW_MS);
    expect(of(lines, 'log.suppressed')).toMatchObject([{ of: 'server.bug', lines: 100_000 - LINES_MAX, level: 40 }]);
    // With the window the storm is over, and the event is heard again.
    logger.error({ event: 'server.bug' }, 'once more');
    expect(of(lines, 'server.bug')).toHaveLength(LINES_MAX + 1);
    await time.run(2 * WINDOW_MS);
    expect(of(lines, 'log.suppressed')).toHaveLength(1);
  });

  it('writes every line of the other events, of its children too, and always why a node ends', () => {
    const { logger, lines } = storm();
    const child = logger.child({ peer: 'n2' });
    for (let n = 0; n < 1000; n++) child.info({ event: 'peer.lost' }, 'lost');
    logger.info({ event: 'raft.role' }, 'leader in term 4');
    for (let n = 0; n < 1000; n++) logger.fatal({ event: 'peer.lost' }, 'the node ends');
    expect(of(lines, 'raft.role')).toHaveLength(1);
    expect(of(lines, 'peer.lost').filter(({ level }) => level < 60)).toHaveLength(LINES_MAX);
    expect(of(lines, 'peer.lost').filter(({ level }) => level === 60)).toHaveLength(1000);
  });

  it('takes no more than its share for as long as the storm lasts', async () => {
    const { time, logger, lines } = storm();
    for (let second = 0; second < 60; second++) {
      for (let n = 0; n < 1000; n++) logger.warn({ event: 'peer.badMessage' }, 'what is this');
      await time.run(1000);
    }
    expect(of(lines, 'peer.badMessage')).toHaveLength(6 * LINES_MAX);
    const said = of(lines, 'log.suppressed').reduce((sum, line) => sum + (line.lines ?? 0), 0);
    expect(said).toBe(60_000 - 6 * LINES_MAX);
  });
});
