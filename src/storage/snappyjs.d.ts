/** It brings no types of its own. */
declare module 'snappyjs' {
  const snappy: {
    /** Throws where the bytes are no Snappy block. */
    uncompress(compressed: Buffer): Buffer;
  };
  export default snappy;
}
