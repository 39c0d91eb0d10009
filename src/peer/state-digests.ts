import { invalid } from '../base/errors.ts';
import { MessageReader } from '../proto/message-reader.ts';
import { MessageWriter } from '../proto/message-writer.ts';
import { id16 } from './codec.ts';

/** What a node asks that compares states of projections. */
export interface DigestsRequest {
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  readonly questions: readonly { readonly projection: string; readonly generation: number; readonly after: number }[];
}

/** What a generation came to in the span that ends with a position. */
interface SpanDigest {
  readonly position: number;
  /** 16 bytes. */
  readonly digest: Uint8Array;
}

/** More than that nobody has to answer at once. */
const QUESTIONS_MAX = 1_000;

export function encodeDigestsRequest({ clusterId, questions }: DigestsRequest): Buffer {
  const writer = new MessageWriter().data(1, clusterId);
  for (const { projection, generation, after } of questions.slice(0, QUESTIONS_MAX)) {
    writer.nested(2, (nested) => nested.text(1, projection).uint(2, generation).uint(3, after));
  }
  return writer.finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not such a request. */
export function decodeDigestsRequest(bytes: Uint8Array): DigestsRequest {
  const reader = new MessageReader('DigestsRequest', bytes);
  let clusterId: Uint8Array | undefined;
  const questions: DigestsRequest['questions'][number][] = [];
  while (reader.next()) {
    if (reader.field === 1) clusterId = id16(reader, 'cluster_id');
    else if (reader.field === 2) questions.push(decodeQuestion(reader.nested('questions', 'DigestsQuestion')));
  }
  if (!clusterId) throw invalid('cluster_id', 'is missing');
  if (questions.length > QUESTIONS_MAX) throw invalid('questions', `are ${questions.length}: too many`);
  return { clusterId, questions };
}

function decodeQuestion(reader: MessageReader) {
  const question = { projection: '', generation: 0, after: 0 };
  while (reader.next()) {
    if (reader.field === 1) question.projection = reader.text('projection');
    else if (reader.field === 2) question.generation = reader.uint('generation');
    else if (reader.field === 3) question.after = reader.uint('after');
  }
  return question;
}

export function encodeDigestsResponse(answers: readonly (readonly SpanDigest[])[]): Buffer {
  const writer = new MessageWriter();
  for (const [n, answer] of answers.entries()) {
    for (const { position, digest } of answer) {
      writer.nested(1, (nested) => nested.uint(1, n).uint(2, position).data(3, digest));
    }
  }
  return writer.finish();
}

/** One answer for each question, in order. Ends in INVALID_ARGUMENT where the bytes are none. */
export function decodeDigestsResponse(bytes: Uint8Array, questions: number): SpanDigest[][] {
  const reader = new MessageReader('DigestsResponse', bytes);
  const answers: SpanDigest[][] = Array.from({ length: questions }, () => []);
  while (reader.next()) {
    if (reader.field !== 1) continue;
    const nested = reader.nested('digests', 'SpanDigest');
    let [question, position] = [0, 0];
    let digest: Uint8Array | undefined;
    while (nested.next()) {
      if (nested.field === 1) question = nested.uint('question');
      else if (nested.field === 2) position = nested.uint('position');
      else if (nested.field === 3) digest = id16(nested, 'digest');
    }
    if (digest) answers[question]?.push({ position, digest });
  }
  return answers;
}
