// What phoenix.js makes of a connection that it keeps to a worker that ends: see reloads.py.
// node returns.cjs PACKAGE PORT: prints "kept PID", and when a line comes in, what follows.
"use strict";
const http = require("node:http");
const readline = require("node:readline");
const XMLHttpRequest = require("xhr2");
globalThis.self = globalThis; // what phoenix.js 1.7 takes for the browser's
const [name, port] = process.argv.slice(2);
const { Socket, LongPoll } = require(name);

// As a browser does: one connection that is kept, and used again.
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
XMLHttpRequest.nodejsSet({ httpAgent: agent });
globalThis.XMLHttpRequest = XMLHttpRequest;

const sockets = new Set();
const create = agent.createConnection;
agent.createConnection = (...given) => {
  const made = create.apply(agent, given);
  sockets.add(made);
  return made;
};
const url = `http://127.0.0.1:${port}`;
http.get(`${url}/page`, { agent }, (answer) => {
  answer.on("data", (pid) => console.log("kept", pid.toString()));
});
readline.createInterface({ input: process.stdin }).once("line", () => {
  const socket = new Socket(`${url}/guest`, { transport: LongPoll });
  socket.onError((error) => console.log("error", error));
  socket.onOpen(() => {
    console.log("open, connections", sockets.size);
    process.exit(0);
  });
  process.on("uncaughtException", (error) => {
    console.log("thrown", error.message);
    process.exit(1);
  });
  socket.connect();
  setTimeout(() => process.exit(2), 10000);
});
