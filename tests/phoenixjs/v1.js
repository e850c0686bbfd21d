// npm's phoenix-channels 1.0.0, which speaks version 1.0.0: node v1.js http://127.0.0.1:PORT
//
// It prints a line of JSON for each case: `{"case": name, "error": text or null}`.
"use strict"

const assert = require("node:assert/strict")
const {Socket} = require("phoenix-channels")
const {eventually, ok, outcome} = require("./client.js")

const url = process.argv[2].replace(/^http/, "ws") + "/socket"

function connect(){
  const socket = new Socket(url)
  socket.connect()
  return socket
}

async function joined(socket, topic, heard = []){
  const channel = socket.channel(topic, {})
  channel.on("shout", payload => heard.push(payload))
  await ok(channel.join())
  return channel
}

async function join(){
  const channel = connect().channel("room:v1", {key: "wörld"})
  const response = await ok(channel.join())
  assert.deepEqual(response.got, {key: "wörld"})
  assert.equal((await ok(channel.push("who", {}))).vsn, "1.0.0")
}

async function error(){
  const socket = connect()
  const channel = socket.channel("room:v1 refused", {do: "refuse"})
  assert.deepEqual(await outcome(channel.join()), ["error", {reason: "unauthorized"}])
  channel.leave()
  const nowhere = socket.channel("nowhere:1", {})
  assert.deepEqual(await outcome(nowhere.join()), ["error", {reason: "unmatched topic"}])
  nowhere.leave()
}

async function push(){
  const channel = await joined(connect(), "room:v1 push")
  assert.deepEqual(await outcome(channel.push("echo", {text: "☃"})), ["ok", {text: "☃"}])
  assert.deepEqual(await outcome(channel.push("fail", {n: 1})), ["error", {n: 1}])
  let errors = 0
  channel.onError(() => errors++)
  channel.push("crash", {})
  await eventually(() => errors === 1 && channel.isJoined(), "the join after a crash")
  assert.deepEqual(await outcome(channel.push("echo", {back: 1})), ["ok", {back: 1}])
  await ok(channel.leave())
}

async function broadcast(){
  const topic = "room:v1 broadcast"
  const mine = []
  const one = await joined(connect(), topic, mine)
  const {pid} = await ok(one.push("who", {}))
  let other, theirs
  do {
    theirs = []
    other = await joined(connect(), topic, theirs)
  } while((await ok(other.push("who", {}))).pid === pid)
  await ok(one.push("shout", {n: 1}))
  await ok(other.push("shout_from", {n: 2}))
  await eventually(() => mine.length === 2, "both broadcasts")
  await eventually(() => theirs.length === 1, "the other's broadcast")
  assert.deepEqual([mine, theirs], [[{n: 1}, {n: 2}], [{n: 1}]])
}

async function main(){
  for(const [name, run] of Object.entries({join, error, push, broadcast})){
    const text = await run().then(() => null, reason => String(reason.stack || reason))
    process.stdout.write(JSON.stringify({case: name, error: text}) + "\n")
  }
  process.exit(0)
}

main().catch(error => { console.error(error); process.exit(1) })
