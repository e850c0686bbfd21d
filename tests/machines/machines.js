// phoenix.js against several machines behind one address, over each transport. Prints a line of JSON.
"use strict"

const assert = require("node:assert/strict")
const {Client, eventually, ok} = require("../phoenixjs/client.js")

const EACH = 6 // clients over each transport: they land on both machines

// Each sees each other one come, change and go, whichever machines serve the two.
async function presence(clients){
  const names = clients.map(({name}) => name)
  const all = [...names].sort()
  const counted = of => Object.fromEntries(of.map(name => [name, 1]))
  for(const each of clients){ each.here = await each.client.here("hall:1") }
  for(const {here, name} of clients){
    await here.sees(counted(names))
    assert.deepEqual(here.keys("came").sort(), all)
    await here.room.ask("track", {busy: name})
  }
  const change = name => ([, key, [before], [now]]) =>
    key === name && now.busy === name && now.phx_ref_prev === before.phx_ref
  for(const {here} of clients){
    const changed = () => names.every(name => here.of("changed").some(change(name)))
    await eventually(() => changed() && here.keys("fewer").length >= names.length, "all changes")
    assert.deepEqual(here.keys("left"), [])
  }
  for(const [place, {here, name}] of clients.entries()){
    await ok(here.room.channel.leave())
    for(const other of clients.slice(place + 1)){
      await other.here.sees(counted(names.slice(place + 1)))
      assert.equal(other.here.keys("left").at(-1), name)
    }
  }
}

async function main(url){
  const clients = []
  for(const transport of ["websocket", "longpoll"]){
    for(let i = 0; i < EACH; i++){
      const on = {version: "1.8.16", transport, path: "/socket", url}
      const name = `${transport}${i}`
      clients.push({client: new Client(on, {params: {name}}), transport, name})
    }
  }
  const pids = {websocket: new Set(), longpoll: new Set()}
  for(const each of clients){
    each.room = each.client.room("room:1")
    const [status, response] = await each.room.join()
    assert.equal(status, "ok")
    pids[each.transport].add(response.pid)
  }
  for(const [place, {room}] of clients.entries()){ await room.ask("say", {place}) }
  for(const {room} of clients){
    const said = await room.hears("said", clients.length)
    const places = said.map(({place}) => place).sort((a, b) => a - b)
    assert.deepEqual(places, clients.map((_, place) => place)) // each once
  }
  await presence(clients)
  const [first, last] = [clients[0], clients[clients.length - 1]]
  const others = clients.slice(1, -1).map(({client}) => client.counts.close)
  for(const name of [`longpoll${EACH - 1}`, "websocket0"]){
    clients[1].room.channel.push("disconnect", {id: `user:${name}`})
  }
  await eventually(() => first.client.counts.close === 1, "the end of a WebSocket")
  await eventually(() => last.client.counts.close + last.client.counts.error >= 1, "that of a poll")
  assert.deepEqual(clients.slice(1, -1).map(({client}) => client.counts.close), others)
  const errors = clients.slice(1, -1).map(({client}) => client.counts.error)
  assert.deepEqual(errors, errors.map(() => 0)) // no poll was lost on its way to another machine
  console.log(JSON.stringify({
    websocket: [...pids.websocket], longpoll: [...pids.longpoll],
  }))
  process.exit(0)
}

main(process.argv[2]).catch(error => { console.error(error); process.exit(1) })
