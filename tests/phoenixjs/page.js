// A room for stock phoenix.js; the query says which: ?version=1.8.16&transport=longpoll&room=a&as=Ann
// `transport` is websocket, longpoll or fallback.
"use strict"

const query = Object.fromEntries(new URLSearchParams(location.search))
const show = (name, text) => { document.getElementById(name).textContent = text }

function add(text, kind){
  const item = document.createElement("li")
  item.textContent = text
  item.className = kind
  document.getElementById("messages").append(item)
}

function start(){
  const {Socket, LongPoll, Presence} = window.Phoenix
  const path = query.transport === "fallback" ? "/silent" : "/socket"
  const options = {longpoll: {transport: LongPoll}, fallback: {longPollFallbackMs: 300}}
  const socket = new Socket(path, options[query.transport] || {})
  const channel = socket.channel(`room:${query.room}`, {as: query.as})
  const presence = new Presence(channel)
  let joins = 0
  presence.onJoin((key, before) => { if(!before){ add(`${key} came`, "note") } })
  presence.onLeave((key, {metas}) => { if(!metas.length){ add(`${key} left`, "note") } })
  presence.onSync(() => show("people", presence.list(key => key).sort().join(", ")))
  channel.on("shout", ({text}) => add(text, "said"))
  channel.onError(() => show("state", "coming back"))
  channel.join().receive("ok", () => {
    channel.push("who").receive("ok", ({pid, transport}) => {
      show("worker", pid)
      show("transport", transport)
      show("joins", ++joins)
      show("state", "joined")
    })
  })
  document.getElementById("text").addEventListener("keydown", event => {
    if(event.key !== "Enter"){ return }
    channel.push("shout", {text: event.target.value})
    event.target.value = ""
  })
  document.getElementById("leave").addEventListener("click", () => {
    channel.leave().receive("ok", () => show("state", "left"))
  })
  socket.connect()
}

show("version", query.version)
const script = document.createElement("script")
script.src = `/phoenix-${query.version}.js`
script.onload = start
document.head.append(script)
