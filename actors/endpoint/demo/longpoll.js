// Long polling, in the shape that websocket.js describes. A client needs no more than this: poll
// with the token of the last answer, which tells the server what has arrived, and post what there is
// to say. phoenix.js does the same.

export const label = "Long polling";

const KEEPALIVE = 10000; // characters that a browser still sends when its page is closed

const NDJSON = { "content-type": "application/x-ndjson" };

const toBase64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));
const fromBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)).buffer;

export function open(mount, params, { opened, received, closed }) {
  const aborter = new AbortController();
  const kinds = []; // of the messages sent: what an echo is cannot be told from its text
  let token = "";
  let ended = false;
  let posting = Promise.resolve(); // one POST at a time, so that messages keep their order

  async function ask(options = {}) {
    const query = new URLSearchParams(token ? { ...params, token } : params);
    const address = `${mount}/longpoll?${query}`;
    const answer = await fetch(address, { signal: aborter.signal, ...options });
    if (!answer.ok) throw new Error(`HTTP status ${answer.status}`);
    return answer.json();
  }

  function end(why, comeBack) {
    if (ended) return;
    ended = true;
    aborter.abort();
    setTimeout(closed, 0, why, comeBack);
  }

  async function poll() {
    while (!ended) {
      const answer = await ask();
      if (answer.status === 410 && token) throw new Error("the session is gone");
      if (![200, 204, 410].includes(answer.status)) throw new Error(`status ${answer.status}`);
      token = answer.token;
      if (answer.status === 410) opened();
      for (const message of answer.messages) {
        received(kinds.shift() === "binary" ? fromBase64(message) : message);
      }
    }
  }

  async function post(data) {
    const text = typeof data === "string";
    const body = text ? data : toBase64(data);
    kinds.push(text ? "text" : "binary");
    const keepalive = body.length <= KEEPALIVE;
    const answer = await ask({ method: "POST", body, keepalive, headers: text ? {} : NDJSON });
    if (answer.status !== 200) throw new Error(`a message was answered ${answer.status}`);
  }

  setTimeout(() => poll().catch((error) => end(error.message, true)), 0);
  return {
    send(data) {
      posting = posting.then(() => post(data)).catch((error) => end(error.message, true));
    },
    close: () => posting.then(() => end("by this page", false)),
  };
}
