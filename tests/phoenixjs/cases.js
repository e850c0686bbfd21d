// What is tried with each version over each transport, while the server just serves.
//
// Each is called with `t`:
//   await t.client(options)    connects another client, which is closed at the end; a second
//                              argument is another URL than the server's own
//   t.connecting(options)      the same, for one that need not succeed
//   t.topic(name)              a topic of this cell's own
//   t.serves                   the transport that the server must see in the end
//   t.opens                    how often `onOpen` is called before that
"use strict"

const assert = require("node:assert/strict")
const {Cable, DEADLINE, eventually, ok} = require("./client.js")

const bytes = (...numbers) => new Uint8Array(numbers).buffer
const numbers = buffer => [...new Uint8Array(buffer)]

// Two clients in one room, each in a worker of its own.
async function pair(t, topic){
  const one = await (await t.client()).joined(topic)
  const {pid} = await one.ask("who")
  for(let tries = 0; tries < 60; tries++){
    const client = await t.client()
    const other = await client.joined(topic)
    if((await other.ask("who")).pid !== pid){ return [one, other] }
    await client.close()
  }
  throw new Error("no client came to the other worker")
}

async function join(t){
  const room = (await t.client()).room(t.topic("join"), {key: "wörld", deep: {list: [1, null, true]}})
  const [status, response] = await room.join()
  assert.equal(status, "ok")
  assert.deepEqual(response.got, {key: "wörld", deep: {list: [1, null, true]}})
  await room.hears("welcome")
  const who = await room.ask("who")
  assert.equal(who.transport, t.serves)
  assert.equal(who.vsn, "2.0.0")
  assert.equal(who.join_ref, room.joinRef)
}

async function joinRefused(t){
  let refuse = true
  const room = (await t.client()).room(t.topic("refused"), () => refuse ? {do: "refuse"} : {})
  assert.deepEqual(await room.join(), ["error", {reason: "unauthorized"}])
  refuse = false // it tries again by itself
  await eventually(() => room.state === "joined", "a join that is let in")
  const nowhere = (await t.client()).room("nowhere:1")
  assert.deepEqual(await nowhere.join(), ["error", {reason: "unmatched topic"}])
  nowhere.channel.leave()
}

async function joinCrashes(t){
  let first = true
  const client = await t.client()
  const room = client.room(t.topic("joincrash"), () => first ? {do: "crash"} : {})
  assert.deepEqual(await room.join(), ["error", {reason: "join crashed"}])
  first = false
  await eventually(() => room.state === "joined", "a join that does not crash")
  assert.equal(client.counts.close, 0)
}

async function joinTimesOut(t){
  let tries = 0
  const client = await t.client()
  const beside = await client.joined(t.topic("beside"))
  const room = client.room(t.topic("joinlate"), () => ++tries === 1 ? {do: "block"} : {tries})
  assert.equal((await room.join(300))[0], "timeout")
  room.channel.timeout = room.channel.joinPush.timeout = 20000
  await eventually(() => room.state === "joined", "the join after it")
  // What it gave up is over in the server too, long before it would have come back.
  for(let count = 1; count; ({count} = await beside.ask("blocked_joins"))){ /* asks again */ }
  await room.hears("welcome")
  assert.deepEqual(await room.ask("echo", {a: 1}), {a: 1})
  assert.equal(room.of("welcome").length, 1)
}

async function pushAndReply(t){
  const client = await t.client()
  const room = client.room(t.topic("push"))
  const early = room.channel.join() && room.push("echo", {early: true}) // kept until it has joined
  assert.deepEqual(await early, ["ok", {early: true}])
  assert.deepEqual(await room.push("echo", {text: "zażółć ☃ 🎈"}), ["ok", {text: "zażółć ☃ 🎈"}])
  assert.deepEqual(await room.push("fail", {why: 1}), ["error", {why: 1}])
  assert.deepEqual(await room.push("later", {x: 1}), ["ok", {x: 1}])
  assert.deepEqual(await room.push("nonsense"), ["error", {reason: "unknown event"}])
  assert.equal((await room.push("size", {no: "bytes"}))[0], "error")
  assert.equal((await room.push("silence", {}, 100))[0], "timeout")
  room.channel.push("push", {n: 1})
  assert.deepEqual(await room.hears("pushed"), [{n: 1}])
  assert.equal(room.errors, 0)
}

// Long polling takes 100 messages in one request. The first clients that know it are 1.7.23 and
// 1.8.16; the others send all that they have, and are refused if it is more.
async function order(t){
  const room = await (await t.client()).joined(t.topic("order"))
  const many = t.serves === "websocket" || ["1.7.23", "1.8.16"].includes(t.version)
  const sent = Array.from({length: many ? 150 : 45}, (_, n) => ({n}))
  const replies = sent.map(payload => { room.channel.push("push", payload); return room.ask("echo", payload) })
  assert.deepEqual(await Promise.all(replies), sent)
  assert.deepEqual(await room.hears("pushed", sent.length), sent)
}

async function broadcast(t){
  const [one, other] = await pair(t, t.topic("broadcast"))
  await one.ask("shout", {n: 1})
  await other.hears("shout")
  await other.ask("shout", {n: 2})
  await one.hears("shout", 2)
  await one.ask("shout_from", {n: 3})
  await other.hears("shout", 3)
  await other.ask("shout_from", {n: 4})
  await one.hears("shout", 3)
  assert.deepEqual(one.of("shout"), [{n: 1}, {n: 2}, {n: 4}])
  assert.deepEqual(other.of("shout"), [{n: 1}, {n: 2}, {n: 3}])
}

async function binaryBothWays(t){
  const [one, other] = await pair(t, t.topic("binary"))
  assert.deepEqual(numbers(await one.ask("echo", bytes(0, 255, 128))), [0, 255, 128])
  assert.deepEqual(numbers((await one.push("fail", bytes(7)))[1]), [7])
  one.channel.push("push", bytes(1, 2))
  assert.deepEqual(numbers((await one.hears("pushed"))[0]), [1, 2])
  await one.ask("shout", bytes(9, 0, 9))
  assert.deepEqual(numbers((await other.hears("shout"))[0]), [9, 0, 9])
  assert.deepEqual(numbers((await one.hears("shout"))[0]), [9, 0, 9])
  assert.equal(numbers(await one.ask("echo", new ArrayBuffer(300000))).length, 300000)
}

async function binaryToTheServer(t){
  const room = await (await t.client()).joined(t.topic("upload"))
  assert.deepEqual(await room.ask("size", bytes(1, 2, 253)), {size: 3, sum: 256})
  assert.deepEqual(await room.ask("size", bytes()), {size: 0, sum: 0})
  assert.deepEqual(await room.ask("echo", {and: "text"}), {and: "text"})
}

async function leave(t){
  const client = await t.client()
  const topic = t.topic("leave")
  const ends = await client.joined(topic.replace("room:", "ends:"))
  const room = await client.joined(topic)
  const stays = await (await t.client()).joined(topic)
  await ok(room.channel.leave())
  await eventually(() => room.closes === 1 && room.state === "closed", "onClose")
  assert.match((await ends.hears("ended"))[0].reason, /left/)
  await stays.ask("shout", {n: 1})
  await stays.hears("shout")
  const again = await client.joined(topic) // in which the earlier one hears nothing
  await stays.ask("shout", {n: 2})
  await eventually(() => again.of("shout").some(({n}) => n === 2), "the second shout")
  assert.deepEqual([room.of("shout"), room.errors, ends.of("ended").length], [[], 0, 1])
}

async function stop(t){
  const client = await t.client()
  const room = await client.joined(t.topic("stop"))
  assert.deepEqual(await room.ask("stop", {bye: 1}), {bye: 1})
  await eventually(() => room.closes === 1 && room.state === "closed", "onClose")
  assert.equal(room.errors, 0)
  assert.equal(client.counts.close, 0)
}

async function crashAndRejoin(t){
  const client = await t.client()
  const beside = await client.joined(t.topic("calm"))
  const room = await client.joined(t.topic("crash"))
  for(let n = 1; n <= 2; n++){
    const before = room.joinRef
    room.channel.push("crash")
    await eventually(() => room.errors === n, "onError")
    await room.rejoins(before)
    await room.hears("welcome", n + 1)
    assert.deepEqual(await room.ask("echo", {n}), {n})
  }
  assert.deepEqual([beside.errors, client.counts.close], [0, 0])
}

async function duplicateJoin(t){
  const client = await t.client()
  const topic = t.topic("duplicate")
  const first = await client.joined(topic)
  const second = await client.joined(topic) // which makes phoenix.js leave the first
  await eventually(() => first.closes === 1 && first.state === "closed", "the first one's end")
  await second.ask("shout", {n: 1})
  await second.hears("shout")
  // A join that phoenix.js does not know of: the server ends the one before.
  const ref = client.socket.makeRef()
  const replies = []
  client.socket.onMessage(message => { if(message.ref === ref){ replies.push(message) } })
  client.socket.push({topic, event: "phx_join", payload: {}, ref, join_ref: ref})
  await eventually(() => second.closes === 1 && second.state === "closed", "the second one's end")
  await eventually(() => replies.some(reply => reply.event === "phx_reply"), "the reply")
  assert.equal(replies[0].payload.status, "ok")
  assert.deepEqual([first.errors, second.errors, first.of("shout").length], [0, 0, 0])
}

async function refusedHandshake(t){
  let refuse = "yes"
  const client = t.connecting({params: () => refuse ? {refuse} : {}})
  await eventually(() => client.counts.error >= 3, "more than one try")
  assert.equal(client.counts.open, t.opens)
  refuse = ""
  const room = await client.joined(t.topic("letin"))
  assert.equal((await room.ask("who")).transport, t.serves)
}

async function heartbeatWhileAHandlerBlocks(t){
  const client = await t.client({heartbeatIntervalMs: DEADLINE})
  const room = await client.joined(t.topic("busy"))
  const beside = await client.joined(t.topic("idle"))
  let beats = 0, done = false
  room.channel.push("block", {gate: t.topic("gate")}).receive("ok", () => { done = true })
  client.socket.onMessage(({topic}) => { if(topic === "phoenix"){ beats++ } })
  for(let n = 1; n <= 3; n++){
    // Long polling has no heartbeats of its own: the server answers a ping there just as well.
    if(t.serves === "websocket"){ client.socket.sendHeartbeat() } else { assert(client.socket.ping(() => {})) }
    await eventually(() => beats >= n, "the answer to a heartbeat")
    assert.deepEqual(await beside.ask("echo", {n}), {n})
  }
  assert.equal(done, false)
  await beside.ask("go", {gate: t.topic("gate")})
  await eventually(() => done, "the reply of the handler that was blocked")
  assert.deepEqual([room.errors, client.counts.close], [0, 0])
}

async function disconnectedByTheServer(t){
  const name = t.topic("name")
  const clients = [await t.client({params: {name}}), await t.client({params: {name}})]
  const rooms = await Promise.all(clients.map(client => client.joined(t.topic("kick"))))
  const before = rooms.map(room => room.joinRef)
  rooms[0].channel.push("disconnect")
  await Promise.all(rooms.map((room, n) => room.rejoins(before[n])))
  for(const [n, room] of rooms.entries()){
    if(t.serves === "websocket"){ assert.deepEqual(clients[n].codes, [1001]) }
    assert.deepEqual(await room.ask("echo", {n}), {n})
  }
}

async function noFallbackWhereNoneIsNeeded(t){
  const client = await t.client({longPollFallbackMs: 15000})
  const room = await client.joined(t.topic("primary"))
  await eventually(() => client.socket.primaryPassedHealthCheck, "the answer to its ping")
  assert.equal((await room.ask("who")).transport, "websocket")
  assert.deepEqual(client.storage.items, {})
}

async function fallbackIsRemembered(t){
  const client = await t.client()
  await client.joined(t.topic("memo"))
  assert.deepEqual(client.storage.items, {"phx:fallback:LongPoll": "true"})
  const next = await t.client({sessionStorage: client.storage}) // goes there directly
  const room = await next.joined(t.topic("memo"))
  assert.equal((await room.ask("who")).transport, "longpoll")
  assert.equal(next.primary, undefined)
}

async function authToken(t){
  const token = "tok?>~, which base64 writes with + and /"
  const room = await (await t.client({authToken: token})).joined(t.topic("auth"))
  assert.equal((await room.ask("who")).token, token)
  const without = await (await t.client()).joined(t.topic("auth"))
  assert.equal((await without.ask("who")).token, null)
}

// Two clients that are not in the room yet, each in a worker of its own.
async function apart(t, topic){
  return (await pair(t, topic.replace("room:", "room:pair "))).map(({client}) => client)
}

// Two in a room, each in a worker of its own, that see each other.
async function annAndBob(t, topic){
  const [one, other] = await apart(t, topic)
  const ann = await one.here(topic, {as: "ann"})
  const bob = await other.here(topic, {as: "bob"})
  for(const each of [ann, bob]){ await each.sees({ann: 1, bob: 1}) }
  return [ann, bob]
}

async function presence(t){
  const [ann, bob] = await annAndBob(t, t.topic("presence"))
  assert.deepEqual(ann.keys("came"), ["ann", "bob"])
  assert.deepEqual(bob.keys("came").sort(), ["ann", "bob"])
  assert.deepEqual(ann.view, bob.view)
  const listed = await bob.room.ask("listed")
  assert.deepEqual(ann.presence.list(), [listed.ann, listed.bob])
  const syncs = ann.syncs
  await bob.room.ask("track", {as: "bob", meta: {busy: true}})
  await eventually(() => ann.view.bob[0].busy && ann.syncs > syncs, "the change")
  const [, key, before, now] = ann.of("changed").at(-1)
  assert.deepEqual([key, now[0].phx_ref_prev], ["bob", before[0].phx_ref])
  assert.deepEqual(ann.keys("fewer"), ["bob"])
  await ok(bob.room.channel.leave())
  await ann.sees({ann: 1})
  await bob.room.client.close()
  assert.deepEqual([ann.keys("left"), bob.keys("left")], [["bob"], []])
}

async function presenceOfOneKeyTwice(t){
  const topic = t.topic("twice")
  const [one, two] = await apart(t, topic)
  const watcher = await (await t.client()).here(topic, {as: "bob"})
  const first = await one.here(topic, {as: "ann"})
  const second = await two.here(topic, {as: "ann"})
  for(const each of [watcher, first, second]){ await each.sees({ann: 2, bob: 1}) }
  const [, , before, now] = watcher.of("changed").findLast(([, key]) => key === "ann")
  assert.deepEqual([before.length, now.length], [1, 1])
  const refs = watcher.view.ann.map(({phx_ref: ref}) => ref).sort()
  const listed = await second.room.ask("listed")
  assert.deepEqual(listed.ann.metas.map(({phx_ref: ref}) => ref).sort(), refs)
  await ok(first.room.channel.leave())
  for(const each of [watcher, second]){ await each.sees({ann: 1, bob: 1}) }
  assert.deepEqual([watcher.keys("fewer"), watcher.keys("left")], [["ann"], []])
  const [[, , [stays], [gone]]] = watcher.of("fewer")
  assert.deepEqual([stays.phx_ref, gone.phx_ref].sort(), refs)
  assert.deepEqual(watcher.view.ann, [stays])
  await ok(second.room.channel.leave())
  await watcher.sees({bob: 1})
  assert.deepEqual(watcher.keys("left"), ["ann"])
}

async function presenceWithNames(t){
  const topic = t.topic("names")
  const ann = await (await t.client()).here(topic, {as: "ann", named: true})
  const bob = await (await t.client()).here(topic, {as: "bob", named: true})
  for(const each of [ann, bob]){
    await each.sees({ann: 1, bob: 1})
    assert.deepEqual(each.presence.list((_, {name}) => name).sort(), ["Ann", "Bob"])
  }
  await bob.room.ask("track", {as: "bob", meta: {busy: true}})
  await eventually(() => ann.view.bob[0].busy, "the change")
  const listed = await bob.room.ask("listed")
  assert.deepEqual(ann.presence.list((key, value) => ({[key]: value})), [{ann: listed.ann}, {bob: listed.bob}])
}

// 1.7 keeps presences in an object that has a prototype.
async function presenceOfAnOddKey(t){
  const topic = t.topic("odd")
  const ann = await (await t.client()).here(topic, {as: "ann"})
  for(const key of ["__proto__", "constructor", "toString"]){
    const [status, {reason}] = await ann.room.push("track", {as: key, meta: {}})
    assert.equal(status, "error")
    assert.match(reason, /a property of every object/)
  }
  const odd = ["0", "a b", "żółć ☃", "\"", "<b>"]
  for(const key of odd){ await ann.room.ask("track", {as: key, meta: {}}) }
  await ann.sees(Object.fromEntries(["ann", ...odd].map(key => [key, 1])))
}

// The others see another meta under the key, and the key all the time.
async function staysThrough(what, ann, bob){
  const before = bob.view.ann[0].phx_ref
  const joinRef = ann.room.joinRef
  what()
  await ann.room.rejoins(joinRef)
  await eventually(() => bob.view.ann.some(({phx_ref: ref}) => ref !== before), "another meta")
  await eventually(() => ann.view.ann.some(({phx_ref: ref}) => ref !== before), "one's own")
  assert.deepEqual([ann.keys("left"), bob.keys("left")], [[], []])
  assert.deepEqual([ann.keys("came").sort(), bob.keys("came").sort()], [["ann", "bob"], ["ann", "bob"]])
}

async function presenceThroughACrash(t){
  const [ann, bob] = await annAndBob(t, t.topic("presence crash"))
  await staysThrough(() => ann.room.channel.push("crash"), ann, bob)
  for(const each of [ann, bob]){ await each.sees({ann: 1, bob: 1}) }
}

async function presenceThroughACut(t){
  const topic = t.topic("cut")
  const cable = new Cable(t.url)
  const bob = await (await t.client()).here(topic, {as: "bob"})
  const ann = await (await t.client({}, await cable.laid())).here(topic, {as: "ann"})
  for(const each of [ann, bob]){ await each.sees({ann: 1, bob: 1}) }
  await staysThrough(() => cable.cut(), ann, bob)
  // A long poll's session that nobody polls any more is there until its window is over.
  if(t.serves === "websocket"){ for(const each of [ann, bob]){ await each.sees({ann: 1, bob: 1}) } }
  cable.close()
}

module.exports = {
  "join": join,
  "join refused": joinRefused,
  "join crashes": joinCrashes,
  "join times out": joinTimesOut,
  "push and reply": pushAndReply,
  "order": order,
  "broadcast": broadcast,
  "binary both ways": binaryBothWays,
  "binary to the server": binaryToTheServer,
  "leave": leave,
  "stop": stop,
  "crash and rejoin": crashAndRejoin,
  "duplicate join": duplicateJoin,
  "refused handshake": refusedHandshake,
  "heartbeat while a handler blocks": heartbeatWhileAHandlerBlocks,
  "disconnected by the server": disconnectedByTheServer,
  "presence": presence,
  "presence of one key twice": presenceOfOneKeyTwice,
  "presence with names": presenceWithNames,
  "presence of an odd key": presenceOfAnOddKey,
  "presence through a crash": presenceThroughACrash,
  "presence through a cut": presenceThroughACut,
  "no fallback where none is needed": noFallbackWhereNoneIsNeeded,
  "fallback is remembered": fallbackIsRemembered,
  "authToken": authToken,
}
