/** The limits of DESIGN §9. Bytes are counted in UTF-8. */
export const LIMITS = {
  streamNameBytesMax: 1024,
  typeBytesMax: 256,
  contentTypeBytesMax: 256,
  tagBytesMax: 256,
  tagsPerEventMax: 64,
  metadataBytesMax: 1 << 20,
  producerNameBytesMax: 256,
  eventBytesMax: 16 << 20,
  appendBytesMax: 16 << 20,
  eventsPerAppendMax: 10_000,
  streamsPerAppendMax: 1_000,
  conditionsPerAppendMax: 16,
  queryItemsMax: 128,
  namesPerQueryListMax: 64,
  readBatchEventsMax: 1_000,
  readBatchBytesMax: 4 << 20,
  unaryBytesMax: 4 << 20,
  chunkBytesMax: 1 << 20,
  streamMetadataBytesMax: 64 << 10,
  erasedRangesMax: 1_000,
  listedStreamsMax: 1_000,
  projectionNameBytesMax: 128,
  projectionSourceBytesMax: 256 << 10,
  listedPartitionsMax: 1_000,
  conflictEventsMax: 16,
  conflictBytesMax: 32 << 10,
  conflictAnswerBytesMax: 512 << 10,
} as const;

/** Places and counts are kept as doubles; above this they would no longer be exact. */
export const PLACE_MAX = Number.MAX_SAFE_INTEGER;

/** An append id is remembered for at least this long, and for at least the last 1,000,000 appends (S6). */
export const APPEND_ID_WINDOW_MS = 15 * 60_000;
export const APPEND_ID_WINDOW_APPENDS = 1_000_000;

/**
 * What a stream of appends holds that was not read for so long is not read any more: it is older than it says, and nobody knows
 * by how much (S6). Its sender sends it again.
 */
export const UNREAD_MS_MAX = 30_000;

/**
 * Ids are forgotten by log time, in which a leader's clock may jump, or the next leader's be ahead. So a gap between two
 * entries counts for no more than this: a jump cannot make time pass that did not pass, but for this much.
 */
export const APPEND_ID_GAP_MAX_MS = 1_000;
/** They are kept a minute longer than is promised: sixty jumps within a window do no harm. */
export const APPEND_ID_KEPT_MS = APPEND_ID_WINDOW_MS + 60 * APPEND_ID_GAP_MAX_MS;
/**
 * No more of them than the window has at 50,000 appends a second are kept for their time: where a clock was ahead for a
 * moment, the time of the log stands still until the clocks have come there, and no id would grow old meanwhile.
 */
export const APPEND_IDS_MAX = (APPEND_ID_WINDOW_MS / 1_000) * 50_000;
