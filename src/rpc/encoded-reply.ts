/**
 * A reply in parts that are encoded already: a decoder merges messages that follow each other, so the elements of a list may be
 * encoded one by one, and kept.
 */
export class EncodedReply<Message extends object> {
  private readonly parts: readonly Buffer[];
  private readonly codec: Codec<Message>;

  constructor(codec: Codec<Message>, parts: readonly Buffer[]) {
    this.codec = codec;
    this.parts = parts;
  }

  /** A reply that stays the same, encoded once. */
  static of<Message extends object>(codec: Codec<Message>, message: Message): EncodedReply<Message> {
    return new EncodedReply(codec, [codec.responseSerialize(message)]);
  }

  get bytes(): Buffer {
    const [first, ...more] = this.parts;
    return first && more.length === 0 ? first : Buffer.concat(this.parts);
  }

  get message(): object {
    return this.codec.responseDeserialize(this.bytes);
  }
}

/** How the replies of an RPC are encoded. */
interface Codec<Message extends object> {
  responseSerialize(message: Message): Buffer;
  responseDeserialize(bytes: Buffer): object;
}
