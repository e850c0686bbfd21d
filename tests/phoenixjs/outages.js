// What the server does to all clients at once: each has to come back by itself, and join again.
"use strict"

const assert = require("node:assert/strict")
const {DEADLINE, eventually, ok} = require("./client.js")

// One client of each cell, in a room of its own and in the one of all of them.
class Guest {
  constructor(client, own, common, here){ Object.assign(this, {client, own, common, here}) }

  static async arrive(t){
    const client = await t.client()
    const own = await client.joined(t.topic("outage"))
    const common = await client.joined("room:all")
    const here = await client.here("room:present", {as: t.topic("guest")})
    const guest = new Guest(client, own, common, here)
    await guest.look()
    return guest
  }

  async look(){
    this.joinRef = this.own.joinRef
    this.commonRef = this.common.joinRef
    this.pid = (await this.own.ask("who")).pid
  }

  // Waits until both rooms were joined again, in a process that is none of `gone`.
  async back(gone){
    const {pid} = await this.until(async () => {
      await Promise.all([this.own.rejoins(this.joinRef), this.common.rejoins(this.commonRef)])
      const who = await this.own.push("who", {}, 3000) // may be lost, as the outage is not over
      return who[0] === "ok" && !gone.has(who[1].pid) && who[1]
    })
    assert(!gone.has(pid))
    const heard = this.own.of("pushed").length
    this.own.channel.push("push", {back: 1})
    await this.own.hears("pushed", heard + 1)
    await this.look()
  }

  // A worker that is about to end may have taken it in: it answers at once, and for a while.
  async until(condition){
    const until = Date.now() + DEADLINE
    while(Date.now() < until){
      const found = await condition()
      if(found){ return found }
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    throw new Error(`not back: ${this.own.state}, ${this.client.socket.connectionState()}`)
  }
}

// `done(guest)` for each guest that `wait` says is back; `failed(guest, error)` for the others.
function settle(guests, wait, done, failed){
  return Promise.all(guests.map(guest => wait(guest).then(() => done(guest), error => failed(guest, error))))
}

// All hear what the last one says: rooms are whole again, over both workers and all transports.
async function shouted(guest, guests, round){
  await guest.common.ask("shout", {round})
  const heard = each => each.common.of("shout").some(payload => payload.round === round)
  await eventually(() => guests.every(heard), "the shout of a guest that is back")
}

// Kills each worker that has guests, one after the other, so that every guest loses its own.
async function kill(guests, ask, done, failed){
  const workers = new Set(guests.map(({pid}) => pid))
  const first = new Map(guests.map(guest => [guest, guest.pid]))
  for(const pid of workers){
    const theirs = guests.filter(guest => guest.pid === pid)
    await ask(`kill ${pid}`)
    await settle(theirs, guest => guest.back(new Set([pid])), guest => {
      if(first.get(guest) === pid){ done(guest) }
    }, failed)
  }
}

// One outage of all workers.
async function renew(guests, ask, what, done, failed){
  const gone = new Set(guests.map(({pid}) => pid))
  await ask(what)
  await settle(guests, guest => guest.back(gone), done, failed)
}

// Waits until a guest sees all. One that a worker has let in a moment before its death, no other knows.
function seesAll({here}, guests){
  const names = guests.map(guest => guest.here.room.channel.params().as).sort().join()
  return eventually(() => Object.keys(here.view).sort().join() === names, `all of ${names}`)
}

// All that happened so far has shown no guest to any other as gone: each came back in time.
async function present(guests, ask, done, failed){
  await settle(guests, async guest => {
    await seesAll(guest, guests)
    assert.deepEqual(guest.here.keys("left"), [])
  }, done, failed)
}

const OUTAGES = {
  "kill -9 of a worker": kill,
  "rolling reload": (guests, ask, done, failed) => renew(guests, ask, "reload", done, failed),
  "presence through both": present,
  "server restart": (guests, ask, done, failed) => renew(guests, ask, "restart", done, failed),
}

module.exports = {Guest, OUTAGES, ok, seesAll, shouted}
