// Runs the matrix of matrix.json against a server: node run.js http://127.0.0.1:PORT
//
// It prints a line of JSON for each cell, `{"cell": [version, transport, case], "error": text or
// null, "ms": how long}`, and `{"ask": what}` where the server has to be killed, reloaded or restarted;
// then it waits for a line on standard input, which says that this was done.
"use strict"

const readline = require("node:readline")
const matrix = require("./matrix.json")
const {Client} = require("./client.js")
const CASES = require("./cases.js")
const {Guest, OUTAGES, seesAll, shouted} = require("./outages.js")

const url = process.argv[2].replace(/^http/, "ws")
const answers = readline.createInterface({input: process.stdin})[Symbol.asyncIterator]()
const print = object => process.stdout.write(JSON.stringify(object) + "\n")

async function ask(what){
  print({ask: what})
  await answers.next()
}

// The place of one version and one transport in the matrix.
class Place {
  constructor(version, transport){
    const {path, serves} = matrix.transports[transport]
    Object.assign(this, {version, transport, path, serves, url, clients: []})
    this.opens = transport === "fallback (silent)" ? 1 : 0
  }

  connecting(options, url = this.url){
    const client = new Client({...this, url}, options)
    this.clients.push(client)
    return client
  }

  client(options, url){ return this.connecting(options, url).settled() }
  topic(name){ return `room:${name} ${this.version} ${this.transport}` }

  async close(){
    await Promise.all(this.clients.map(client => client.close()))
    this.clients = []
  }
}

function places(name){
  const {versions = matrix.versions, transports = Object.keys(matrix.transports)} = matrix.cases[name]
  return versions.flatMap(version => transports.map(transport => new Place(version, transport)))
}

function report({version, transport}, name, since, error = null){
  const text = error && String(error.stack || error)
  print({cell: [version, transport, name], error: text, ms: Date.now() - since})
}

async function steady(name){
  const since = Date.now()
  await Promise.all(places(name).map(async place => {
    try {
      await CASES[name](place)
      report(place, name, since)
    } catch(error){
      report(place, name, since, error)
    }
    await place.close()
  }))
}

async function outages(names){
  const all = places(names[0])
  const guests = await Promise.all(all.map(place => Guest.arrive(place)))
  await Promise.all(guests.map(guest => seesAll(guest, guests)))
  const place = guest => all[guests.indexOf(guest)]
  for(const name of names){
    const since = Date.now()
    const back = []
    const failed = (guest, error) => report(place(guest), name, since, error)
    await OUTAGES[name](guests, ask, guest => back.push(guest), failed)
    const shout = guest => shouted(guest, back, `${name} ${guests.indexOf(guest)}`)
    await Promise.all(back.map(guest =>
      shout(guest).then(() => report(place(guest), name, since), error => failed(guest, error))))
  }
  await Promise.all(all.map(each => each.close()))
}

async function main(){
  const names = Object.keys(matrix.cases)
  for(const name of names.filter(each => each in CASES)){ await steady(name) }
  await outages(names.filter(each => each in OUTAGES))
  process.exit(0)
}

main().catch(error => { console.error(error); process.exit(1) })
