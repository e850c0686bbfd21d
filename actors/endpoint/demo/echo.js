// The page's own logic. What carries the messages is a transport: see websocket.js for the shape.

import * as longpoll from "./longpoll.js";
import * as websocket from "./websocket.js";

const transports = { websocket, longpoll };

const MAX_ROWS = 500;
const FIRST_RETRY = 200; // milliseconds
const LAST_RETRY = 5000;

const byId = (id) => document.getElementById(id);
const [state, transport, toggle, form, text, binary, send, clear, frames, figures] = [
  "state", "transport", "toggle", "form", "text", "binary", "send", "clear", "frames", "figures",
].map(byId);

let connection = null; // what the transport answered
let isOpen = false;
let wanted = true; // whether to come back when the connection ends
let attempts = 0;
let retry = 0;
let sentAt = []; // of the messages that have not come back; they come back in order
let sent = 0;
let received = 0;

for (const [name, { label }] of Object.entries(transports)) transport.add(new Option(label, name));
transport.disabled = transport.length < 2;

// -- what is shown

function setState(kind, words) {
  isOpen = kind === "open";
  state.className = kind;
  state.textContent = words;
  send.disabled = !isOpen;
  toggle.textContent = wanted ? "Disconnect" : "Connect";
}

function show(kind, mark, what, extra = "") {
  const atEnd = frames.scrollHeight - frames.scrollTop - frames.clientHeight < 40;
  const row = document.createElement("li");
  const cells = [
    ["time", new Date().toLocaleTimeString("en-GB")],
    [kind, mark],
    ["what", what],
    ["extra", extra],
  ];
  for (const [name, content] of cells) {
    const cell = row.appendChild(document.createElement("span"));
    cell.className = name;
    cell.textContent = content;
  }
  frames.append(row);
  while (frames.childElementCount > MAX_ROWS) frames.firstElementChild.remove();
  if (atEnd) frames.scrollTop = frames.scrollHeight;
  figures.textContent = `${sent} sent, ${received} received`;
}

const count = (number, unit) => `${number} ${unit}${number === 1 ? "" : "s"}`;
const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");

function showMessage(kind, mark, data, extra) {
  if (typeof data === "string") return show(kind, `${mark} text`, data, extra);
  const bytes = new Uint8Array(data);
  show(kind, `${mark} binary`, `${hex(bytes.slice(0, 64))} (${count(bytes.length, "byte")})`, extra);
}

// -- the connection

function connect() {
  clearTimeout(retry);
  sentAt = [];
  setState("waiting", "connecting");
  const mine = transports[transport.value].open("/echo", {}, {
    opened() {
      if (mine !== connection) return;
      attempts = 0;
      setState("open", "connected");
      show("note", "· note", "connected");
    },
    received(data) {
      if (mine !== connection) return;
      const began = sentAt.shift();
      received += 1;
      const took = began === undefined ? "" : `${(performance.now() - began).toFixed(1)} ms`;
      showMessage("received", "← received", data, took);
    },
    closed(why, comeBack) {
      if (mine !== connection) return;
      show("note", "· note", `closed: ${why}`);
      if (!wanted || !comeBack) {
        wanted = false;
        setState("closed", "disconnected");
        return;
      }
      // Half of the delay is chance, so that not everybody comes back at once.
      const delay = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** attempts) * (0.5 + Math.random() / 2);
      attempts += 1;
      setState("waiting", "connecting again");
      retry = setTimeout(connect, delay);
    },
  });
  connection = mine;
}

function disconnect() {
  wanted = false;
  clearTimeout(retry);
  if (state.className === "waiting" && !isOpen) setState("closed", "disconnected");
  connection.close();
}

toggle.onclick = () => {
  if (wanted) return disconnect();
  wanted = true;
  connect();
};

transport.onchange = () => {
  const former = connection;
  wanted = true;
  connect(); // from now on the former connection's events are nobody's
  former.close();
};

clear.onclick = () => frames.replaceChildren();

form.onsubmit = (event) => {
  event.preventDefault();
  if (!isOpen || !text.value) return;
  const data = binary.checked ? new TextEncoder().encode(text.value).buffer : text.value;
  sentAt.push(performance.now());
  sent += 1;
  showMessage("sent", "→ sent", data);
  connection.send(data);
  text.value = "";
};

connect();
