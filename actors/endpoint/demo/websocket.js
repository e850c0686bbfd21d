// A transport of the demo: `open(mount, params, {opened, received, closed})` answers `{send, close}`.
// `received` gets a string or an ArrayBuffer, `closed` a sentence and whether to come back. None of
// the three is called before `open` has answered.

export const label = "WebSocket";

export function open(mount, params, { opened, received, closed }) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const query = new URLSearchParams(params);
  const socket = new WebSocket(`${scheme}//${location.host}${mount}/websocket?${query}`);
  socket.binaryType = "arraybuffer";
  socket.onopen = opened;
  socket.onmessage = (event) => received(event.data);
  socket.onclose = ({ code, reason }) =>
    closed(reason ? `code ${code}, ${reason}` : `code ${code}`, code !== 1000);
  return {
    send: (data) => socket.send(data),
    close: () => socket.close(1000),
  };
}
