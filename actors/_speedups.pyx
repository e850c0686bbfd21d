# cython: language_level=3, binding=False, nonecheck=True
"""The common case of a live connection, compiled; see docs/adr/0017.

The pure classes define what is right, and have the same fields and methods: ``actors.results``,
``actors.runtime.turns``, ``transports.tcp.descriptor`` and ``transports.websocket.line``. What is
here never judges. At the first byte, answer or state that is not the common one it stops, and
hands what is left, untouched, to the pure code: that has all errors, close codes and policies.

A handler may block, which switches greenlets in the middle of a turn. So nothing that others must
see is on the C stack while Python code runs: frames are in ``out``, messages in ``items``.

Most of a connection's life is Python, and that reads and sets fields of these classes all the time.
So fields that are objects are made as quick as slots (:func:`as_slots`), and those that Python uses
most are objects for that.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_SIZE
from cpython.mem cimport PyMem_Malloc
from cpython.ref cimport Py_INCREF, PyObject
from cpython.tuple cimport PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

import logging
from reprlib import recursive_repr

from actors.crash_text import blame
from actors.errors import InvalidMessage
from actors.messages import Opcode

# Set with the first V2, as a master loads this extension with the results, and imports no orjson.
cdef object dumps = None, loads = None, plain = None, Incoming = None

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    /* Write src with the mask over it to dst, which may be src. Return the "or" of what was written:
       a bit of 0x80 in it says that something is not ASCII. Whole words in a plain loop, of which
       the compiler makes vector code. */
    static uint64_t roost_unmask(uint8_t *dst, const uint8_t *src, size_t n, const uint8_t *mask) {
        uint64_t wide, word, seen = 0;
        uint32_t narrow;
        size_t at = 0;
        memcpy(&narrow, mask, 4);
        wide = ((uint64_t)narrow << 32) | narrow;
        for (; at + 8 <= n; at += 8) {
            memcpy(&word, src + at, 8);
            word ^= wide;
            seen |= word;
            memcpy(dst + at, &word, 8);
        }
        for (; at < n; at++) {
            uint8_t byte = src[at] ^ mask[at & 3];
            seen |= byte;
            dst[at] = byte;
        }
        return seen & 0x8080808080808080u;
    }
    """
    uint64_t roost_unmask(uint8_t *dst, const uint8_t *src, size_t n, const uint8_t *mask) nogil

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        object (*tp_alloc)(PyTypeObject *cls, Py_ssize_t size)
        PyObject *tp_dict
    object PyDescr_NewMember(PyTypeObject *cls, PyMemberDef *member)
    void PyType_Modified(PyTypeObject *cls)
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    void *PyUnicode_DATA(object text)
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    object PyUnicode_AsUTF8String(object text)

cdef extern from "structmember.h":
    ctypedef struct PyMemberDef:
        const char *name
        int type
        Py_ssize_t offset
        int flags
        const char *doc
    enum: T_OBJECT_EX

cdef extern from "time.h" nogil:
    ctypedef int clockid_t
    struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(clockid_t clock, timespec *now)
    clockid_t CLOCK_MONOTONIC

cdef extern from "sys/epoll.h" nogil:
    ctypedef union epoll_data_t:
        int fd
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_wait(int epoll, epoll_event *events, int most, int timeout)

cdef extern from "sys/socket.h" nogil:
    ssize_t recv(int fd, void *buffer, size_t size, int flags)
    ssize_t send(int fd, const void *buffer, size_t size, int flags)
    enum: MSG_NOSIGNAL

cdef enum:
    EPOLLIN = 1
    WHOLE_TEXT = 0x81
    WHOLE_BINARY = 0x82
    FLUSH_ABOVE = 65536  # as in transports.websocket.line
    BUFFER = 65536  # the largest read of a stream
    MAX_WAITING = 64  # as in actors.channels.hot
    MAX_WAITING_BYTES = 65536
    SHORT_NAME = 63  # as in actors.serializers.message
    MAX_PAIRS = 1000  # as in transports.http.query
    ADAPTS = 2048  # the smallest one that says how large the next should be, as in Stream

cdef double DEAR_READ = 0.001  # seconds, as there

cdef object logger = logging.getLogger("roost.runtime")
cdef object READY = "ready"  # equal strings of this form are one object: see actors.runtime.turns
cdef object HANDLED_IN = "channel.handled_in"
cdef object TEXT = Opcode.TEXT
cdef object BINARY = Opcode.BINARY


# -- fields


cdef as_slots(type cls):
    """Let Python code use the public fields of ``cls`` that are objects as it uses slots.

    Cython makes a property of each, which CPython asks by three calls. A slot, as ``__slots__``
    makes it, is read and set within its instruction. Where in an object a field is, is what a
    probe says. Such a field may be set to anything, so whoever needs a list looks; it must not be
    deleted.
    """
    cdef object probe = cls.__new__(cls), marker = object()
    cdef void **words = <void **><PyObject *>probe
    cdef Py_ssize_t at
    for name, found in list(vars(cls).items()):
        if type(found) is not GETSET:
            continue
        try:
            found.__set__(probe, marker)
        except TypeError:
            continue  # it is no object
        for at in range(cls.__basicsize__ // sizeof(void *)):
            if words[at] == <void *>marker:
                _add_slot(cls, name, at * sizeof(void *))
                break
        found.__set__(probe, None)


cdef object GETSET = type(vars(type)["__name__"])
cdef list slot_names = []  # which live as long as the process


cdef _add_slot(type cls, str name, Py_ssize_t offset):
    cdef PyTypeObject *made = <PyTypeObject *>cls
    cdef PyMemberDef *member = <PyMemberDef *>PyMem_Malloc(sizeof(PyMemberDef))
    cdef bytes encoded = name.encode()
    if member == NULL:
        raise MemoryError
    slot_names.append(encoded)
    member.name, member.doc = PyBytes_AS_STRING(encoded), NULL
    member.type, member.offset, member.flags = T_OBJECT_EX, offset, 0
    (<dict>made.tp_dict)[name] = PyDescr_NewMember(made, member)
    PyType_Modified(made)


# -- results
#
# What Cython's dataclasses would say of themselves is an AttributeError in every thread and greenlet
# but the one that imported this. So they say it here, as Python's do.


@recursive_repr()
def _ok_as_text(made):
    return f"{type(made).__qualname__}(value={made.value!r})"


@recursive_repr()
def _message_as_text(made):
    status = f"status={made.status!r}, " if isinstance(made, Reply) else ""
    return f"{type(made).__qualname__}(payload={made.payload!r}, {status}opcode={made.opcode!r})"


@cython.dataclasses.dataclass
cdef class Ok:
    """As ``actors.results.Ok``."""

    value: object = None

    def __repr__(self):
        return _ok_as_text(self)


@cython.dataclasses.dataclass
cdef class Reply:
    """As ``actors.results.Reply``."""

    payload: object
    status: object = "ok"
    opcode: object = None

    def __repr__(self):
        return _message_as_text(self)


@cython.dataclasses.dataclass
cdef class Push:
    """As ``actors.results.Push``."""

    payload: object
    opcode: object = None

    def __repr__(self):
        return _message_as_text(self)


for _made in (Ok, Reply, Push):
    for _field in _made.__dataclass_fields__.values():
        _field.kw_only = False  # which a dataclass that inherits one would take over


# -- frames


cdef Py_ssize_t _parse(uint8_t *data, Py_ssize_t size, Py_ssize_t limit, list found) except -1:
    """Append the whole messages that ``data`` begins with; return how many bytes they took.

    It stops before a frame that is not the last and only one of a message of at most ``limit``
    bytes, or has a length that is not in its shortest form, no mask, or text that is not UTF-8.
    """
    cdef Py_ssize_t at = 0, length, body
    cdef uint8_t *mask
    cdef object message
    while size - at >= 6:
        if data[at] != WHOLE_TEXT and data[at] != WHOLE_BINARY:
            break
        length, body = data[at + 1] - 128, at + 6
        if length < 0:
            break
        if length == 126:
            if size - at < 8:
                break
            length, body = data[at + 2] << 8 | data[at + 3], at + 8
            if length < 126:
                break
        elif length == 127:
            if size - at < 14 or data[at + 2] or data[at + 3] or data[at + 4] or data[at + 5]:
                break
            length, body = <Py_ssize_t>data[at + 6] << 24 | data[at + 7] << 16, at + 14
            length |= data[at + 8] << 8 | data[at + 9]
            if length < 65536:
                break
        if length > limit or body + length > size:
            break
        mask = data + body - 4
        if data[at] == WHOLE_BINARY:
            message = PyBytes_FromStringAndSize(NULL, length)
            roost_unmask(<uint8_t *>PyBytes_AS_STRING(message), data + body, length, mask)
        elif length == 0:
            message = ""
        else:
            message = PyUnicode_New(length, 127)
            if roost_unmask(<uint8_t *>PyUnicode_DATA(message), data + body, length, mask):
                message = _decoded(data + body, length, mask)
                if message is None:
                    break
        found.append(message)
        at = body + length
    return at


cdef object _decoded(uint8_t *data, Py_ssize_t size, uint8_t *mask):
    """Return text that is not ASCII, or ``None``, with ``data`` as it was, where it is not UTF-8."""
    roost_unmask(data, data, size, mask)
    try:
        return PyUnicode_DecodeUTF8(<char *>data, size, NULL)
    except UnicodeDecodeError:
        roost_unmask(data, data, size, mask)
        return None


def parse(bytes data, Py_ssize_t limit):
    """Return the messages that ``data`` begins with, and how many of its bytes they took."""
    cdef list found = []
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef bytes copy = PyBytes_FromStringAndSize(PyBytes_AS_STRING(data), size)
    if size > 1:  # shorter ones are shared objects, which must not be written to, and no frames
        return found, _parse(<uint8_t *>PyBytes_AS_STRING(copy), size, limit, found)
    return found, 0


cdef bytes _text_frame(str text):
    """Return the whole, unmasked frame of a text."""
    cdef bytes data
    if PyUnicode_IS_ASCII(text):
        return _frame(WHOLE_TEXT, <const char *>PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text))
    data = PyUnicode_AsUTF8String(text)
    return _frame(WHOLE_TEXT, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


cdef bytes _frame(int first, const char *payload, Py_ssize_t size):
    """Return a whole, unmasked frame; ``first`` is its first byte."""
    cdef Py_ssize_t head = 2 if size < 126 else 4 if size < 65536 else 10
    cdef bytes frame = PyBytes_FromStringAndSize(NULL, head + size)
    cdef uint8_t *at = <uint8_t *>PyBytes_AS_STRING(frame)
    cdef int shift
    at[0] = first
    if head == 2:
        at[1] = size
    elif head == 4:
        at[1], at[2], at[3] = 126, size >> 8, size & 0xFF
    else:
        at[1] = 127
        for shift in range(8):
            at[2 + shift] = (size >> 8 * (7 - shift)) & 0xFF
    memcpy(at + head, payload, size)
    return frame


def frame(payload not None):
    """Return the frame of a ``str`` or of ``bytes``."""
    if type(payload) is str:
        return _text_frame(payload)
    return _frame(WHOLE_BINARY, PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload))


# -- signing


def base64url(bytes raw not None):
    """Do as ``actors.signing.pure_base64url``."""
    cdef const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(raw)
    cdef Py_ssize_t left = PyBytes_GET_SIZE(raw)
    cdef bytes made = PyBytes_FromStringAndSize(NULL, (left * 4 + 2) // 3)
    cdef char *to = PyBytes_AS_STRING(made)
    cdef uint32_t three
    while left > 0:
        three = <uint32_t>at[0] << 16
        if left > 1:
            three |= <uint32_t>at[1] << 8
        if left > 2:
            three |= at[2]
        to[0], to[1] = digits[three >> 18], digits[three >> 12 & 63]
        if left > 1:
            to[2] = digits[three >> 6 & 63]
        if left > 2:
            to[3] = digits[three & 63]
        at += 3
        to += 4
        left -= 3
    return made


# -- HTTP


cdef uint8_t target_bytes[256]  # those that a target may hold, as in transports.http.lines
for _byte in range(256):
    target_bytes[_byte] = ord("!") <= _byte <= ord("~") and _byte != ord("#")

cdef object pure_recall = None
cdef object pure_parse_query = None


cdef int _find_pure() except -1:
    global pure_parse_query, pure_recall
    from transports.http import head, query  # which import this

    pure_parse_query, pure_recall = query.pure_parse_query, head.pure_recall
    return 0


def recall(data, options, *, scheme, peer, dict known not None):
    """Do as ``transports.http.head.pure_recall``, which has all that differs in more than a target."""
    cdef bytes whole, start, end
    cdef const uint8_t *at
    cdef Py_ssize_t size, begin, stop, left
    if type(data) is bytes:
        whole = data
        fields = known.get(whole[:4])
        if fields is None:
            return None
        start, end = fields.start, fields.end
        at, size = <const uint8_t *>PyBytes_AS_STRING(whole), PyBytes_GET_SIZE(whole)
        begin, left = PyBytes_GET_SIZE(start) - 1, PyBytes_GET_SIZE(end)
        if begin < size and memcmp(at, PyBytes_AS_STRING(start), begin + 1) == 0:
            stop = begin
            while stop < size and target_bytes[at[stop]]:
                stop += 1
            if left <= size - stop and memcmp(at + stop, PyBytes_AS_STRING(end), left) == 0:
                if stop + left > options.max_request_line or stop + left > options.max_head:
                    return None
                target = PyUnicode_New(stop - begin, 127)
                memcpy(PyUnicode_DATA(target), at + begin, stop - begin)
                request = fields.request(target, scheme, peer, fields.headers, fields.first)
                return request, fields, stop + left
    if pure_recall is None:
        _find_pure()
    return pure_recall(data, options, scheme=scheme, peer=peer, known=known)


def parse_query(str query not None):
    """Do as ``transports.http.query.pure_parse_query``, which has all that is escaped or nested."""
    cdef dict params = {}
    cdef Py_ssize_t size = PyUnicode_GET_LENGTH(query), at, begin = 0, equal = -1, pairs = 1
    cdef const uint8_t *text
    cdef uint8_t byte
    cdef bint plain = PyUnicode_IS_ASCII(query)
    if plain:
        text = <const uint8_t *>PyUnicode_DATA(query)
        for at in range(size):
            byte = text[at]
            if byte == ord("&"):
                pairs += 1
            elif byte == ord("%") or byte == ord("+") or byte == ord("["):
                plain = False
                break
    if not plain or pairs > MAX_PAIRS:
        if pure_parse_query is None:
            _find_pure()
        return pure_parse_query(query)
    for at in range(size + 1):
        byte = text[at] if at < size else ord("&")
        if byte == ord("&"):
            if at > begin:
                if equal < 0:
                    params[query[begin:at]] = ""
                else:
                    params[query[begin:equal]] = query[equal + 1 : at]
            begin, equal = at + 1, -1
        elif byte == ord("=") and equal < 0:
            equal = at
    return params


# -- actors


@cython.final
cdef class Queue:
    """What the dispatcher needs of a ``collections.deque``."""

    cdef list _items
    cdef Py_ssize_t _head

    def __cinit__(self):
        self._items, self._head = [], 0

    cdef _append(self, item):
        self._items.append(item)

    cdef object _popleft(self):
        cdef list items = self._items
        cdef Py_ssize_t head = self._head
        if head == PyList_GET_SIZE(items):
            raise IndexError("pop from an empty queue")
        item, items[head] = items[head], None
        head += 1
        if head == PyList_GET_SIZE(items):
            items.clear()
            head = 0
        elif head >= 1024 and 2 * head >= PyList_GET_SIZE(items):
            del items[:head]
            head = 0
        self._head = head
        return item

    def append(self, item):
        """Add ``item`` at the end."""
        self._items.append(item)

    def popleft(self):
        """Take the oldest; ``IndexError`` where there is none."""
        return self._popleft()

    def __len__(self):
        return PyList_GET_SIZE(self._items) - self._head

    def __iter__(self):
        return iter(self._items[self._head:])


def work(Queue ready, carrier, int turns):
    """Run up to so many turns of those that are ``ready``, until one has blocked.

    Return how many have begun.
    """
    cdef int turn
    for turn in range(turns):
        runnable = ready._popleft()
        carrier.runnable = runnable
        if isinstance(runnable, Turns):
            (<Turns>runnable)._turn(carrier)
        else:
            runnable.on_turn(carrier)
        if carrier.gr_context is not None:
            carrier.gr_context = None
        if carrier.was_parked or PyList_GET_SIZE(ready._items) == ready._head:
            return turn + 1
    return turns


cdef class Turns:
    """As ``actors.runtime.turns.PureTurns``."""

    cdef public object actor, batch, dispatcher, items, owner, signals, track
    cdef Queue _ready

    def offer(self, events):
        """Queue the events of one read; return whether nothing else waited or ran."""
        return self._offer(events if type(events) is list else list(events))

    cdef bint _offer(self, list events) except -1:
        if self.owner is None:
            self.items = events
            self.owner = READY
            self._queue()
            return True
        self.items += events
        return False

    def add(self, events):
        """Queue events at any other time."""
        if self.owner is None:
            self.items = events if type(events) is list else list(events)
            self.owner = READY
            self.dispatcher.schedule(self)
        else:
            self.items += events

    def add_one(self, event):
        """Queue an event at any other time."""
        self._add_one(event)

    cdef _add_one(self, event):
        cdef list items = self.items
        items.append(event)
        if self.owner is None:
            self.owner = READY
            self._queue()
            if not self.dispatcher.wake_pending:
                self.dispatcher.wake_soon()

    cdef _queue(self):
        if self._ready is None:
            self._ready = self.dispatcher.ready
        self._ready._append(self)

    def on_turn(self, carrier):
        """Have some of the messages handled; exit signals come first."""
        self._turn(carrier)

    cdef _turn(self, carrier):
        cdef list items
        if self.owner is not READY:
            return
        self.owner = carrier
        items, self.items = self.items, []
        if PyList_GET_SIZE(items) > 1 and PyList_GET_SIZE(items) > self.dispatcher.turn_messages:
            self._shorten(items)
        self.batch = iter(items)
        try:
            if self.signals is not None:
                signals, self.signals = self.signals, None
                for reason in signals:
                    self.actor.handle_exit(reason)
            if self.track is None:
                self.actor.on_batch(self.batch)
            elif isinstance(self.track, Line):
                _serve(self.actor, <Line>self.track, self.batch)
            elif isinstance(self.track, Place):
                _serve_channel(self.actor, <Place>self.track, self.batch)
            else:
                _serve_topics(self.actor, <Lobby>self.track, self.batch)
        except BaseException as error:
            self.actor.on_unwound(error)
        else:
            items = self.items
            if PyList_GET_SIZE(items) or self.signals is not None:
                self._turn_over()
            else:
                self.owner = self.batch = None


cdef _serve(actor, Line line, batch):
    """Run the callbacks of a socket for one turn, as ``actors.socket.Socket.on_batch`` does."""
    handle_in = actor.handle_in
    for item in batch:
        if type(item) is str:
            result = handle_in(item, TEXT)
        elif type(item) is bytes:
            result = handle_in(item, BINARY)
        else:
            actor.on_odd(item)
            continue
        if result is not None:
            try:
                line._deliver(result)
            except Exception as error:
                blame(error, handle_in)
                raise
    line._flush()


cdef _serve_topics(actor, Lobby lobby, batch):
    """Route a turn's messages, as ``actors.channels.socket.ChannelSocket.on_batch`` does."""
    try:
        for item in batch:
            if type(item) is not str and type(item) is not bytes:
                actor.on_odd(item)
            elif not lobby.leaving:
                lobby._take(item)
    except BaseException as error:
        actor.on_exit(error)


cdef dict attached = None


cdef bint _is_timed() except -1:
    """Whether telemetry is told how long callbacks of channels take."""
    global attached
    if attached is None:
        from actors import telemetry  # which imports what imports this

        attached = telemetry.attached
    return HANDLED_IN in attached


cdef _serve_channel(actor, Place place, batch):
    """Run the callbacks of a channel, as ``actors.channels.channel.Channel.on_batch`` does."""
    cdef dict handlers = {} if _is_timed() else place.handlers
    for item in batch:
        if type(item) is not Incoming:
            actor.on_odd(item)
            continue
        function = handlers.get((<tuple>item)[3])
        if function is None:
            actor.on_odd(item)
        else:
            place.at_hand = item
            answer = function(actor, (<tuple>item)[4])
            place.at_hand = None
            if answer is None or not place.joined:
                pass
            elif type(answer) is Ok and type((<Ok>answer).value) is dict:
                if (<tuple>item)[1] is not None:
                    try:
                        place._answer((<tuple>item)[1], (<Ok>answer).value)
                    except (TypeError, ValueError) as error:
                        actor.on_wrong_answer(item, error)
            else:
                actor.on_answer(item, answer)
        place.waiting -= 1
        if place.waiting == 0:
            place.weight = 0
            if place.held:
                place.caught_up()


# -- channels


cdef object _incoming(list message):
    """Return an ``Incoming`` of five elements: ``tuple.__new__`` without its look at what it gets."""
    cdef object made = (<PyTypeObject *>Incoming).tp_alloc(<PyTypeObject *>Incoming, 5)
    cdef int at
    for at in range(5):
        Py_INCREF(message[at])
        PyTuple_SET_ITEM(made, at, message[at])
    return made


cdef object pure_v2 = None


cdef class V2:
    """As ``actors.serializers.v2``; ``pure`` is that, and does what is not common.

    A class that inherits this may be made without it.
    """

    cdef object pure
    cdef readonly object push, broadcast

    def __init__(self, pure=None):
        global pure_v2, dumps, loads, plain, Incoming
        if pure is None:
            pure = pure_v2
        else:
            pure_v2 = pure
            from orjson import dumps, loads
            from actors.serializers.message import Incoming
            from actors.serializers.strict_json import plain
        self.pure, self.push, self.broadcast = pure, pure.push, pure.broadcast

    def decode(self, frame):
        """Return the message of a text that is an array of five, with short strings for names."""
        cdef list message
        cdef int at
        if type(frame) is str and (len(frame) <= 128 or frame.count("[") + frame.count("{") <= 64):
            try:
                value = loads(frame)
            except ValueError:
                return self.pure.decode(frame)
            if type(value) is list and PyList_GET_SIZE(value) == 5:
                message = value
                for at in range(4):
                    if type(message[at]) is not str:
                        break
                    if at < 2 and len(<str>message[at]) > SHORT_NAME:
                        break
                else:
                    return _incoming(message)
        return self.pure.decode(frame)

    def reply(self, join_ref, ref, topic, status, response):
        """Return the frame of a reply."""
        if type(response) is bytes:
            return self.pure.reply(join_ref, ref, topic, status, response)
        payload = {"response": response, "status": status}
        return TEXT, dumps([join_ref, ref, topic, "phx_reply", payload], plain)


cdef class Place:
    """As ``actors.channels.hot.PurePlace``."""

    cdef public object at_hand, encode, handlers, join_ref, send, topic
    cdef public Turns inbox
    cdef public bint held, joined, over
    cdef public list queue
    cdef public Py_ssize_t waiting, weight

    def offer(self, item, Py_ssize_t size):
        """Queue a message whose frame has ``size`` bytes."""
        self._offer(item, size)

    cdef _offer(self, item, Py_ssize_t size):
        self.waiting += 1
        self.weight += size
        if self.inbox is None:
            self.queue.append(item)
        else:
            self.inbox._add_one(item)
        if self.waiting > MAX_WAITING or self.weight > MAX_WAITING_BYTES:
            self.hold()

    cdef _answer(self, ref, response):
        self.send(self.encode(self.join_ref, ref, self.topic, "ok", response))


cdef class Lobby:
    """As ``actors.channels.hot.PureLobby``."""

    cdef public object decode
    cdef public bint leaving, rated
    cdef public dict seats

    def take(self, frame):
        """Route or answer one message."""
        self._take(frame)

    cdef _take(self, frame):
        cdef Place seat
        try:
            message = self.decode(frame)
        except InvalidMessage as error:
            self.decode_odd(error, len(frame))
            return
        if type(message) is not Incoming:
            self.take_odd(message, len(frame), self.seats.get(message.topic))
            return
        event = (<tuple>message)[3]
        seat = self.seats.get((<tuple>message)[2])
        if (
            seat is None
            or type(event) is not str
            or seat.over
            or self.rated
            or (<tuple>message)[0] != seat.join_ref
            or len(<str>event) > SHORT_NAME
            or (<str>event).startswith("phx_")
        ):
            self.take_odd(message, len(frame), seat)
        else:
            seat._offer(message, len(frame))


# -- connections


cdef class Descriptor:
    """As ``transports.tcp.descriptor.PureDescriptor``."""

    cdef public object backlog, fd, is_closing, most, read_size


cdef uint8_t buffer[BUFFER]
cdef bint in_use = False  # the collector may run a finalizer, and that anything


cdef class Line:
    """As ``transports.websocket.line.PureLine``, and it reads where :meth:`take_over` was called.

    ``fast``: all that has come was whole messages. ``limit``: bytes of one, at most.
    """

    cdef public object deflate, dispatcher, inbox, out, stream, told
    cdef public bint counted, ended
    cdef public double heard
    cdef public Py_ssize_t max_queue, posted, waiting
    cdef public Py_ssize_t bytes_in, bytes_out, messages_in, messages_out
    cdef bint fast, direct
    cdef Py_ssize_t limit

    def take_over(self, Py_ssize_t limit):
        """Read and write for a stream without TLS, whose messages are not compressed."""
        cdef Descriptor stream = self.stream
        self.limit = limit
        self.direct = True
        self.dispatcher.handlers[stream.fd] = self

    def __call__(self, int mask):
        """Serve what epoll said, as the stream does."""
        self.stream.on_events(mask)
        self.fast = not self.ended and self.is_settled()

    cdef _events(self, int mask, double now):
        """Serve what :func:`poll` has found: read messages, and leave all else to the stream."""
        cdef Descriptor stream = self.stream
        if mask == EPOLLIN and self.fast and not in_use and not self.ended:
            try:
                self._read(stream, now)
            except Exception as error:
                stream.failed(error)
        else:
            self.dispatcher.now = now
            self(mask)

    cdef _read(self, Descriptor stream, double now):
        global in_use
        cdef Py_ssize_t size, used = 0, wanted = stream.read_size
        cdef int fd = stream.fd
        cdef int error = 0
        cdef list found = []
        cdef bytes rest = None
        cdef double took
        cdef Turns inbox
        in_use = True  # before the buffer is written to: whatever allocates may run the collector
        try:
            size = recv(fd, buffer, min(wanted, BUFFER), 0)
            if size > 0:
                used = _parse(buffer, size, self.limit, found)
                if used < size:
                    rest = PyBytes_FromStringAndSize(<char *>buffer + used, size - used)
            else:
                error = errno
        finally:
            in_use = False
        if size < 0:
            if error != EAGAIN and error != EINTR:
                stream.on_error(error)
            return
        if size == 0:
            stream.received(b"")
            return
        self.bytes_in += used
        self.messages_in += PyList_GET_SIZE(found)
        if rest is None:
            self.heard = now
            inbox = self.inbox
            if not inbox._offer(found):
                self.bound_waiting(found)
        else:
            self.dispatcher.now = now
            self.data_received(rest, found)
            self.fast = not self.ended and self.is_settled()
        if size >= ADAPTS:
            took = _clock() - now
            if took > DEAR_READ:
                stream.read_size = max(<Py_ssize_t>stream.read_size // 2, ADAPTS)
            elif size == <Py_ssize_t>stream.read_size and took < DEAR_READ / 4:
                stream.read_size = min(2 * size, <Py_ssize_t>stream.most)

    def deliver(self, result):
        """Send what a callback answered, at the end of its turn."""
        self._deliver(result)

    cdef _deliver(self, result):
        cdef object payload, opcode
        if type(result) is Reply:
            payload, opcode = (<Reply>result).payload, (<Reply>result).opcode
        elif type(result) is Push:
            payload, opcode = (<Push>result).payload, (<Push>result).opcode
        else:
            self.deliver_odd(result)
            return
        if self.deflate is None and type(payload) is str and (opcode is None or opcode is TEXT):
            self._put(_text_frame(payload))
        elif self.deflate is None and type(payload) is bytes and (opcode is None or opcode is BINARY):
            self._put(_frame(WHOLE_BINARY, PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload)))
        else:
            self.deliver_odd(result)

    def put(self, frame):
        """Send a frame at the end of the turn, a large one at once."""
        self._put(bytes(frame))

    cdef _put(self, bytes frame):
        cdef list out = self.out
        out.append(frame)
        if PyBytes_GET_SIZE(frame) >= FLUSH_ABOVE:
            self.on_blocked()

    def send(self, frame):
        """Frame a message of a channel, and post it."""
        cdef int first
        opcode, data = frame
        if self.deflate is None and type(data) is bytes:
            first = WHOLE_TEXT if opcode is TEXT else 0x80 | <int>opcode
            self._post(_frame(first, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)))
        else:
            self._post(bytes(self.prepare(frame)))

    def post(self, prepared):
        """Send a frame together with others of this round."""
        self._post(prepared if type(prepared) is bytes else bytes(prepared))

    cdef _post(self, bytes prepared):
        cdef list out = self.out
        cdef Descriptor stream
        cdef Queue sends
        if PyList_GET_SIZE(out) == 0:
            stream, sends = self.stream, self.dispatcher.sends
            if stream.backlog is not None and len(stream.backlog) > self.max_queue:
                return
            self.posted = 0
            sends._append(self)
            if not self.dispatcher.wake_pending:
                self.dispatcher.wake_soon()
        out.append(prepared)
        self.posted += PyBytes_GET_SIZE(prepared)
        if self.posted >= FLUSH_ABOVE:
            self.on_blocked()

    def flush(self):
        """Send what was delivered in this turn."""
        self._flush()

    cdef _flush(self):
        cdef list out = self.out, items
        cdef Descriptor stream
        cdef Turns inbox
        cdef bytes data
        if PyList_GET_SIZE(out):
            if self.ended:
                out.clear()
            else:
                data = out[0] if PyList_GET_SIZE(out) == 1 else b"".join(out)
                self.bytes_out += PyBytes_GET_SIZE(data)
                self.messages_out += PyList_GET_SIZE(out)
                out.clear()
                self._write(data)
                stream = self.stream
                if stream.backlog is not None:
                    self.bound_backlog()
        if self.waiting:
            inbox = self.inbox
            items = inbox.items
            if PyList_GET_SIZE(items) == 0:
                self.waiting = 0

    cdef _write(self, bytes data):
        """Send, or leave to the stream what the kernel does not take, or takes ill."""
        cdef Descriptor stream = self.stream
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data), sent
        cdef int fd = stream.fd
        if not self.direct or stream.backlog is not None or stream.is_closing or fd < 0:
            stream.write(data)
            return
        sent = send(fd, PyBytes_AS_STRING(data), size, MSG_NOSIGNAL)
        if sent == size:
            return
        if sent < 0 and errno != EAGAIN and errno != EINTR:
            stream.on_error(errno)
        else:
            stream.keep(data[sent:] if sent > 0 else data)


# -- the poll phase


def flush_all(Queue sends, double until):
    """Send what waits for that: lines, or functions to call."""
    while PyList_GET_SIZE(sends._items) != sends._head:
        send = sends._popleft()
        try:
            if isinstance(send, Line):
                (<Line>send)._flush()
            else:
                send()
        except Exception:
            logger.exception("sending failed")
        if _clock() > until:
            return


cdef double _clock() noexcept:
    """Return ``time.monotonic()``."""
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec + 1e-9 * now.tv_nsec


def poll(dispatcher, int epoll, int most, set stale, dear, double limit, double until):
    """Serve up to ``most`` (64) events that ``epoll`` tells of.

    Return how many there are, and those that there was no time for, as ``until`` is over. ``dear`` is told of each that took over ``limit`` seconds.
    """
    cdef epoll_event events[64]
    cdef int count = epoll_wait(epoll, events, min(most, 64), 0), at, mask
    cdef double before, now
    cdef dict handlers = dispatcher.handlers, strikes = dear.strikes
    if count <= 0:
        return 0, []
    before = _clock()
    dispatcher.now = before
    for at in range(count):
        fd, mask = events[at].data.fd, events[at].events
        if stale and fd in stale:
            continue
        try:
            handler = handlers[fd]
            if isinstance(handler, Line):
                (<Line>handler)._events(mask, before)
            else:
                dispatcher.now = before
                handler(mask)
        except Exception:
            logger.exception("reading a connection failed")
        now = _clock()
        if (now - before > limit or strikes) and fd in handlers:
            dear.judge(fd, mask, now - before)
        before = now
        if now > until:
            dispatcher.now = now
            return count, [(events[at].data.fd, events[at].events) for at in range(at + 1, count)]
    dispatcher.now = before
    return count, []


for each in (Turns, Descriptor, Line, Place, Lobby):
    as_slots(each)
