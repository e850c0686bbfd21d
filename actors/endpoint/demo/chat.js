// A chat over channels, without a library. Every message is [join_ref, ref, topic, event, payload],
// as Phoenix's clients send them in version 2.0.0. What carries them is a transport: see
// websocket.js for the shape.

import * as longpoll from "./longpoll.js";
import * as websocket from "./websocket.js";

const transports = { websocket, longpoll };

const LOCAL = ["localhost", "127.0.0.1", "[::1]"];
const MOUNT = LOCAL.includes(location.hostname) ? "/local" : "/chat";
const NAMES = ["Finch", "Heron", "Lark", "Magpie", "Robin", "Sparrow", "Swift", "Wren"];
const MAX_ROWS = 500;
const HEARTBEAT = 30000; // milliseconds, as all below
const FIRST_RETRY = 200;
const LAST_RETRY = 5000;
const JOIN_AGAIN = 2000;
const TYPING_EVERY = 2000;
const TYPING_FOR = 3000;

const byId = (id) => document.getElementById(id);
const [state, transport, end, toggle, name, room, messages, people, typing, form, text, send] = [
  "state", "transport", "end", "toggle", "name", "room", "messages", "people", "typing", "form", "text", "send",
].map(byId);

let connection = null; // what the transport answered
let online = true; // whether to come back when the connection ends
let attempts = 0;
let timer = 0; // of the next attempt to connect or to join
let heartbeat = 0;
let refs = 0;
let topic = ""; // the room that we are in, or join
let joinRef = null; // of the last join: what has another one is of a channel that is over
let replies = new Map(); // by ref, what to do with a reply
let typed = 0; // when the others were last told that we type
const typers = new Map(); // by name, the timer that forgets it
let here = null; // by key, who is in the room and the windows that they have; null: not told yet
let early = []; // diffs that came before

for (const [key, { label }] of Object.entries(transports)) transport.add(new Option(label, key));
name.value = sessionStorage.getItem("name") ?? NAMES[Math.floor(Math.random() * NAMES.length)];

// -- what is shown

function setState(kind, words) {
  state.className = kind;
  state.textContent = words;
  send.disabled = kind !== "open";
  toggle.textContent = online ? "Go offline" : "Come back";
}

function show(...cells) {
  const atEnd = messages.scrollHeight - messages.scrollTop - messages.clientHeight < 40;
  const row = messages.appendChild(document.createElement("li"));
  for (const [kind, content] of cells) {
    const cell = row.appendChild(document.createElement("span"));
    cell.className = kind;
    cell.textContent = content;
  }
  while (messages.childElementCount > MAX_ROWS) messages.firstElementChild.remove();
  if (atEnd) messages.scrollTop = messages.scrollHeight;
}

const note = (words) => show(["note", words]);

function setTyping(who, on) {
  clearTimeout(typers.get(who));
  typers.delete(who);
  if (on) typers.set(who, setTimeout(setTyping, TYPING_FOR, who, false));
  const names = [...typers.keys()];
  typing.textContent = names.length ? `${names.join(", ")} ${names[1] ? "are" : "is"} typing …` : "";
}

// -- who is here: presence_state says it once, then each presence_diff what has changed

function apply({ joins, leaves }) {
  for (const [key, { metas }] of Object.entries(joins)) {
    const who = metas[0].name;
    if (!here.has(key)) {
      here.set(key, { who, windows: new Set() });
      if (who !== name.value) note(`${who} came in`);
    }
    for (const meta of metas) here.get(key).windows.add(meta.phx_ref);
  }
  for (const [key, { metas }] of Object.entries(leaves)) {
    const person = here.get(key);
    if (!person) continue;
    for (const meta of metas) person.windows.delete(meta.phx_ref);
    if (person.windows.size) continue; // another window of theirs is open
    here.delete(key);
    setTyping(person.who, false);
    if (person.who !== name.value) note(`${person.who} left`);
  }
}

function showPeople() {
  const shown = [...(here ?? new Map()).values()].map(({ who, windows }) =>
    windows.size > 1 ? `${who} (${windows.size} windows)` : who);
  people.textContent = shown.length ? `Here: ${shown.sort().join(", ")}` : "";
}

// -- the protocol

function push(about, event, payload = {}, reply = null) {
  const ref = String(++refs);
  if (event === "phx_join") joinRef = ref;
  if (reply) replies.set(ref, reply);
  const mine = about === "phoenix" ? null : joinRef;
  connection.send(JSON.stringify([mine, ref, about, event, payload]));
}

function received(data) {
  const [join, ref, about, event, payload] = JSON.parse(data);
  if (event === "phx_reply") {
    replies.get(ref)?.(payload.status, payload.response);
    replies.delete(ref);
  } else if (about === topic && (join === null || join === joinRef)) {
    handlers[event]?.(payload);
  }
}

const handlers = {
  said({ name: who, body, worker }) {
    setTyping(who, false);
    const kind = who === name.value ? "who mine" : "who";
    show([kind, who], ["what", body], ["extra", `worker ${worker}`]);
  },
  typing: ({ name: who }) => setTyping(who, true),
  presence_state(all) {
    here = new Map();
    for (const [key, { metas }] of Object.entries(all)) {
      here.set(key, { who: metas[0].name, windows: new Set(metas.map((meta) => meta.phx_ref)) });
    }
    for (const diff of early.splice(0)) apply(diff);
    showPeople();
  },
  presence_diff(diff) {
    if (here === null) return early.push(diff);
    apply(diff);
    showPeople();
  },
  phx_error() {
    setState("waiting", "joining again");
    timer = setTimeout(join, JOIN_AGAIN);
  },
};

// Whoever says so is gone at once; whoever is cut off is waited for, as most come back.
function leave(then = null) {
  if (state.className !== "open") return then?.();
  push(topic, "phx_leave", {}, then);
  setState("waiting", "leaving");
}

function join() {
  clearTimeout(timer);
  const next = `room:${room.value}`;
  if (topic && topic !== next) push(topic, "phx_leave");
  for (const who of [...typers.keys()]) setTyping(who, false);
  topic = next;
  here = null;
  early = [];
  showPeople();
  setState("waiting", "joining");
  push(topic, "phx_join", { name: name.value }, (status, response) => {
    if (topic !== next) return;
    if (status !== "ok") {
      note(`the ${room.value} is closed: ${response.reason}`);
      timer = setTimeout(join, JOIN_AGAIN);
      return;
    }
    attempts = 0;
    end.hidden = !response.may_end_worker;
    setState("open", "connected");
    note(`you are in the ${next.slice(5)}, served by worker ${response.worker}`);
  });
}

// -- the connection

function connect() {
  clearTimeout(timer);
  topic = "";
  replies = new Map();
  setState("waiting", "connecting");
  const mine = transports[transport.value].open(MOUNT, { vsn: "2.0.0" }, {
    opened() {
      if (mine !== connection) return;
      let answered = true;
      heartbeat = setInterval(() => {
        if (!answered) return mine.close(); // nobody is there, though nothing said so
        answered = false;
        push("phoenix", "heartbeat", {}, () => (answered = true));
      }, HEARTBEAT);
      join();
    },
    received: (data) => mine === connection && received(data),
    closed(why) {
      if (mine !== connection) return;
      clearInterval(heartbeat);
      if (!online) return setState("closed", "offline");
      if (state.className === "open") note(`the connection ended: ${why}`);
      // Half of the delay is chance, so that not everybody comes back at once.
      const delay = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** attempts) * (0.5 + Math.random() / 2);
      attempts += 1;
      clearTimeout(timer);
      timer = setTimeout(connect, delay);
      setState("waiting", "connecting again");
    },
  });
  connection = mine;
}

toggle.onclick = () => {
  online = !online;
  if (online) return connect();
  clearTimeout(timer);
  clearInterval(heartbeat);
  here = null;
  showPeople();
  leave();
  note("you are offline, and miss what is said meanwhile");
  setState("closed", "offline");
  connection.close();
};

transport.onchange = () => {
  const former = connection;
  clearInterval(heartbeat);
  leave();
  online = true;
  connect(); // from now on the former connection's events are nobody's
  former.close();
};

room.onchange = () => state.className !== "closed" && connection && topic && join();

name.onchange = () => {
  name.value = name.value.trim() || NAMES[0];
  sessionStorage.setItem("name", name.value);
  leave(room.onchange); // as somebody else, when this one has left
};

addEventListener("pagehide", () => leave());
addEventListener("pageshow", ({ persisted }) => persisted && transport.onchange());

end.onclick = () => {
  if (send.disabled) return;
  push(topic, "end_worker", {}, (_, { reason }) => note(reason));
};

text.oninput = () => {
  if (send.disabled || !text.value || Date.now() - typed < TYPING_EVERY) return;
  typed = Date.now();
  push(topic, "typing");
};

form.onsubmit = (event) => {
  event.preventDefault();
  if (send.disabled || !text.value.trim()) return;
  push(topic, "say", { body: text.value }, (status, { reason }) => {
    if (status !== "ok") note(`not sent: ${reason}`);
  });
  text.value = "";
  typed = 0;
  text.focus();
};

connect();
