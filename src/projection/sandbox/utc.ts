/**
 * QuickJS asks the thread that it runs in for the local time, with the methods of Date. On all nodes that must be the same
 * (rule P4), so in this thread, which does nothing else, local time is UTC.
 */
export function forceUtc(): void {
  const date = Date.prototype;
  Object.assign(date, {
    getTimezoneOffset: () => 0,
    getFullYear: date.getUTCFullYear,
    getMonth: date.getUTCMonth,
    getDate: date.getUTCDate,
    getDay: date.getUTCDay,
    getHours: date.getUTCHours,
    getMinutes: date.getUTCMinutes,
    getSeconds: date.getUTCSeconds,
    getMilliseconds: date.getUTCMilliseconds,
  });
}
