import { type DestinationStream, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';
import { systemClock } from './clock.ts';
import { LogLimit, WINDOW_MS } from './log-limit.ts';

/** A structured logger: `logger.info({ event: 'leader.elected', term }, 'n1 leads term 4')`. */
export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error' | 'fatal'> & {
  child(bindings: object): Logger;
};

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** What a logger may do besides. */
interface LoggerParts {
  readonly limit: LogLimit;
  readonly destination: DestinationStream;
}

/**
 * One JSON object a line on standard error, which leaves standard output to a command's own result. Of an event that
 * comes too often, some are left out and counted; a line about the end of the node never is.
 */
export function createLogger(level: LogLevel, bindings: object, parts: Partial<LoggerParts> = {}): Logger {
  const { limit = new LogLimit(systemClock), destination = pino.destination({ dest: 2, sync: true }) } = parts;
  const fatal = pino.levels.values.fatal as number;
  const hooks = {
    logMethod(this: PinoLogger, args: Parameters<PinoLogger['info']>, write: PinoLogger['info'], at: number): void {
      if (at >= fatal || limit.passes(eventOf(args[0]))) write.apply(this, args);
    },
  };
  const logger = pino({ level, base: bindings, timestamp: stdTimeFunctions.isoTime, hooks }, destination);
  limit.onSuppressed = (of, lines) => {
    const text = `${lines} more lines of ${of} within ${WINDOW_MS / 1000} s were not written`;
    logger.warn({ event: 'log.suppressed', of, lines }, text);
  };
  return logger;
}

function eventOf(first: unknown): string {
  return typeof first === 'object' && first !== null && 'event' in first ? String(first.event) : '';
}
