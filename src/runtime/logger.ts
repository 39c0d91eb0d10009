import { type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';

/** A structured logger: `logger.info({ event: 'leader.elected', term }, 'n1 leads term 4')`. */
export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error' | 'fatal'> & {
  child(bindings: object): Logger;
};

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** One JSON object a line on standard error, which leaves standard output to a command's own result. */
export function createLogger(level: LogLevel, bindings: object): Logger {
  const destination = pino.destination({ dest: 2, sync: true });
  return pino({ level, base: bindings, timestamp: stdTimeFunctions.isoTime }, destination);
}
