import { decodeUtf8 } from '../base/bytes.ts';
import { type FactstoreError, invalid, overLimit } from '../base/errors.ts';
import { FieldReader, WireType } from '../model/wire.ts';

/**
 * Reads the fields of a message that comes from outside. Whatever is not exactly right ends in INVALID_ARGUMENT with the
 * name of the field: protobufjs would wrap a number beyond 2^53, replace bad UTF-8 and drop what it does not know.
 */
export class MessageReader extends FieldReader {
  /** The name of the message, and in front of the names of its fields where it is nested, such as `writes[0].`. */
  readonly message: string;
  readonly path: string;

  constructor(message: string, bytes: Uint8Array, path = '', start = 0, end = bytes.length) {
    super(bytes, start, end);
    this.message = message;
    this.path = path;
  }

  override next(): boolean {
    if (super.next()) return true;
    if (this.bad) throw invalid(this.path === '' ? this.message : this.path, `is not a well-formed ${this.message}`);
    return false;
  }

  /** A whole number from 0 to 2^53 - 1. */
  uint(name: string): number {
    this.expect(name, WireType.varint);
    if (Number.isNaN(this.value)) throw invalid(this.path + name, `is above ${Number.MAX_SAFE_INTEGER}`);
    return this.value;
  }

  bool(name: string): boolean {
    return this.uint(name) !== 0;
  }

  /** A value of an enumeration whose values run from 0 to `max`. */
  enumeration(name: string, max: number): number {
    const value = this.uint(name);
    if (value > max) throw invalid(this.path + name, `${value} is not a value that is known here`);
    return value;
  }

  text(name: string): string {
    this.expect(name, WireType.bytes);
    const text = decodeUtf8(this.bytes, this.start, this.stop);
    if (text === undefined) throw invalid(this.path + name, 'is not valid UTF-8');
    return text;
  }

  /** A view of the bytes, not a copy. */
  data(name: string): Uint8Array {
    this.expect(name, WireType.bytes);
    return this.bytes.subarray(this.start, this.stop);
  }

  nested(name: string, message: string): MessageReader {
    this.expect(name, WireType.bytes);
    return new MessageReader(message, this.bytes, `${this.path}${name}.`, this.start, this.stop);
  }

  /**
   * Asked before another element of a list is read, of which there are `count` already. What is beyond the format's limit
   * must cost nothing: 4 MiB hold two million empty elements, and each takes a hundred times its bytes.
   */
  roomFor(name: string, count: number, limit: number, unit: string): void {
    if (count >= limit) throw overLimit(this.path + name, limit, count + 1, unit);
  }

  /**
   * A field that is not known here. In what asks for an append it could carry a condition, and to pass over a condition
   * would be to break it; so it is refused.
   */
  foreign(): FactstoreError {
    return invalid(`${this.path}${this.field}`, `field ${this.field} of ${this.message} is not known to this node`);
  }

  private expect(name: string, wireType: number): void {
    if (this.wireType !== wireType) throw invalid(this.path + name, 'has the wrong wire type');
  }
}
