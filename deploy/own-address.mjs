// Where the scripts of a container reach the node in it: at the address that it is told to listen on.
const listen = (process.env.FACTSTORE_LISTEN ?? '127.0.0.1:2113').trim();
const at = listen.lastIndexOf(':');
const host = listen.slice(0, at);

export const port = listen.slice(at + 1);
// A node that listens on every interface does so on the loopback; on [::], on that of IPv4 too.
export const here = `${['0.0.0.0', '[::]'].includes(host) ? '127.0.0.1' : host}:${port}`;
