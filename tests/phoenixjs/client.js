// A client of stock phoenix.js, of one version over one transport, and what its tests wait with.
"use strict"

const assert = require("node:assert/strict")
const net = require("node:net")

// What a browser has, and Node has not. 1.7 looks for them in `self` alone.
globalThis.self = globalThis
globalThis.WebSocket = require("ws")
globalThis.XMLHttpRequest = require("xhr2")

const DEADLINE = 20000 // milliseconds that anything may take: a machine may be slow, and busy
const FALLBACK = 300 // milliseconds until a silent WebSocket is given up
const RECONNECT = 100 // milliseconds until the next try

// Looks again whenever something may have changed; rejects with `what` after the deadline.
async function eventually(condition, what){
  const until = Date.now() + DEADLINE
  for(;;){
    const found = condition()
    if(found){ return found }
    if(Date.now() > until){ throw new Error(`it did not come: ${what}`) }
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

// The outcome of a push or a join, as `[status, response]`.
function outcome(push){
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("no reply, and no timeout either")), DEADLINE)
    for(const status of ["ok", "error", "timeout"]){
      push.receive(status, response => { clearTimeout(late); resolve([status, response]) })
    }
  })
}

async function ok(push){
  const [status, response] = await outcome(push)
  assert.equal(status, "ok", JSON.stringify(response))
  return response
}

// An in-memory `sessionStorage`, where phoenix.js remembers a fallback.
class Storage {
  constructor(){ this.items = {} }
  getItem(key){ return this.items[key] || null }
  setItem(key, value){ this.items[key] = value }
  removeItem(key){ delete this.items[key] }
}

// One channel, and all that was told to it: `heard` has `[event, payload]` in the order of arrival.
class Room {
  constructor(client, topic, params = {}){
    this.client = client
    this.heard = []
    this.channel = client.socket.channel(topic, params)
    this.errors = this.closes = 0
    this.channel.onError(() => this.errors++)
    this.channel.onClose(() => this.closes++)
    this.channel.onMessage = (event, payload) => {
      if(!/^(phx_|chan_reply)/.test(event)){ this.heard.push([event, payload]) }
      return payload
    }
  }

  get state(){ return this.channel.state }
  get joinRef(){ return this.channel.joinRef() }

  join(timeout){ return outcome(this.channel.join(timeout)) }
  push(event, payload = {}, timeout = undefined){ return outcome(this.channel.push(event, payload, timeout)) }
  ask(event, payload = {}){ return ok(this.channel.push(event, payload)) }
  of(event){ return this.heard.filter(([name]) => name === event).map(([, payload]) => payload) }

  hears(event, count = 1){
    return eventually(() => this.of(event).length >= count && this.of(event), `${count} × ${event}`)
  }

  // Waits for a join after the one with `joinRef`.
  rejoins(joinRef){
    return eventually(() => this.state === "joined" && this.joinRef !== joinRef, "a later join")
  }
}

// What phoenix.js's Presence makes of a room, which is to be joined after it. `told` has
// `[what, key, metas before, metas that came or went]`; `what` is "came", "changed", "fewer" or "left".
class Here {
  constructor(room){
    this.room = room
    this.told = []
    this.syncs = 0
    this.presence = new room.client.Presence(room.channel)
    this.presence.onJoin((key, current, {metas}) =>
      this.told.push([current ? "changed" : "came", key, current ? [...current.metas] : [], metas]))
    this.presence.onLeave((key, {metas: stay}, {metas}) =>
      this.told.push([stay.length ? "fewer" : "left", key, [...stay], metas]))
    this.presence.onSync(() => this.syncs++)
  }

  // The metas of each key.
  get view(){ return Object.fromEntries(this.presence.list((key, {metas}) => [key, metas])) }
  of(what){ return this.told.filter(([name]) => name === what) }
  keys(what){ return this.of(what).map(([, key]) => key) }

  // Waits until these are there, each so many times: `{ann: 1}`.
  sees(counts){
    const wanted = JSON.stringify(Object.entries(counts).sort())
    const found = () => JSON.stringify(this.presence.list((key, {metas}) => [key, metas.length]).sort())
    return eventually(() => found() === wanted, `${wanted}, after ${JSON.stringify(this.told)}`)
  }
}

// The way to a server, which can be cut: what a client's network does. It is there again at once.
class Cable {
  constructor(url){
    const {hostname, port} = new URL(url)
    this.sockets = new Set()
    this.listener = net.createServer(client => {
      const server = net.connect(port, hostname)
      for(const [from, to] of [[client, server], [server, client]]){
        this.sockets.add(from)
        from.on("error", () => {}).on("close", () => { this.sockets.delete(from); to.destroy() }).pipe(to)
      }
    })
  }

  async laid(){
    await new Promise(resolve => this.listener.listen(0, "127.0.0.1", resolve))
    return `ws://127.0.0.1:${this.listener.address().port}`
  }

  cut(){ for(const socket of this.sockets){ socket.destroy() } }
  close(){ this.cut(); this.listener.close() }
}

class Client {
  // `on` is {version, transport, path, url}; `options` go to the socket.
  constructor(on, options = {}){
    const {Socket, LongPoll, Presence} = require(`phoenix-${on.version}`)
    const fallback = on.transport.startsWith("fallback")
    const client = this
    // The same, but the first one is known: when it has closed is of interest after a fallback.
    class Primary extends globalThis.WebSocket {
      constructor(...args){ super(...args); client.primary ||= this }
    }
    const base = on.transport === "longpoll"
      ? {transport: LongPoll}
      : {transport: Primary, longPollFallbackMs: fallback ? FALLBACK : undefined}
    this.Presence = Presence
    this.fallback = fallback && LongPoll
    this.storage = new Storage()
    this.reset()
    this.socket = new Socket(on.url + on.path, {
      ...base,
      timeout: DEADLINE,
      reconnectAfterMs: () => RECONNECT,
      rejoinAfterMs: () => 50,
      sessionStorage: this.storage,
      ...options,
    })
    this.socket.onOpen(() => this.counts.open++)
    this.socket.onError(() => this.counts.error++)
    this.socket.onClose(event => { this.counts.close++; this.codes.push(event && event.code) })
    this.socket.connect()
  }

  reset(){ this.counts = {open: 0, close: 0, error: 0}; this.codes = [] }

  // Waits until a fallback is behind it, and forgets what led there. 1.7 takes the late end of the
  // WebSocket that it gave up for one of the long poll, and connects that once more.
  async settled(){
    const {socket, primary, fallback} = this
    if(!fallback){ return this }
    const there = () => socket.transport === fallback && socket.isConnected()
    await eventually(() => there() && (!primary || primary.readyState === primary.CLOSED), "the fallback")
    await new Promise(resolve => setTimeout(resolve, 2 * RECONNECT)) // timers go off in their order
    await eventually(there, "the fallback")
    this.reset()
    return this
  }

  room(topic, params){ return new Room(this, topic, params) }

  async joined(topic, params){
    const room = this.room(topic, params)
    const [status, response] = await room.join()
    assert.equal(status, "ok", JSON.stringify(response))
    return room
  }

  // Joins as somebody; returns what Presence knows when it was told first.
  async here(topic, params){
    const here = new Here(this.room(topic, params))
    const [status, response] = await here.room.join()
    assert.equal(status, "ok", JSON.stringify(response))
    await eventually(() => here.syncs, "the first state")
    return here
  }

  close(){ return new Promise(resolve => this.socket.disconnect(resolve)) }
}

module.exports = {Cable, Client, DEADLINE, eventually, ok, outcome}
