"""The endpoint's tree: what is in it, in which order it starts, and that it stops in reverse."""

from __future__ import annotations

import gevent
import pytest

from actors import Actor, Endpoint, Socket, once
from actors.endpoint.serving import tree
from actors.endpoint.serving.connections import Acceptor, Connections, Serving
from actors.endpoint.serving.root import DRAINERS, SERVER, Children, _later
from actors.endpoint.serving.server import Server
from actors.errors import ConfigError
from actors.reasons import SHUTDOWN
from actors.schedule import share
from supervision import IGNORE, ChildSpec, Supervisor
from supervision.drainer import Drainers, drainer_spec
from supervision.draining import DrainOptions
from supervision.plan import Child
from supervision.pool import pool_spec, start_child
from supervision.processes.sockets import bind
from tests.support import raw
from tests.support.server import serve

DEADLINE = 20.0


class Chat(Socket):
    """A class with the defaults."""


class Game(Socket):
    """Another."""


class Bare(Socket):
    """One that wants nothing."""

    @classmethod
    def child_spec(cls, options):
        return None

    @classmethod
    def drainer_spec(cls, options):
        return None


@pytest.fixture
def connections():
    return Connections([], None, (), 1.0)


def ids(specs):
    return [spec.id for spec in specs]


def drainer_ids(specs):
    (group,) = [spec for spec in specs if spec.id == "drainers"]
    return ids(group.args[0])


def mounted(*classes, **rest):
    """An endpoint with each class at a path of its own; ``rest`` goes to each mount."""
    endpoint = Endpoint()
    for number, each in enumerate(classes):
        endpoint.socket(f"/{number}", each, **rest)
    return endpoint


class TestOrder:
    def test_whole_tree(self, connections):
        bus = ChildSpec(id="bus", start=Actor.start)
        child, watcher = (ChildSpec(id=name, start=Actor.start) for name in ("child", "watcher"))
        endpoint = Endpoint(children=[child], watchers=[watcher])
        endpoint.socket("/chat", Chat)
        options = DrainOptions(shutdown=12.5)
        assert tree.children(endpoint, connections, 25.0, [bus]) == (
            bus,
            ChildSpec(
                id="children", start=Children.start, args=((child,),), shutdown=child.shutdown,
                type="supervisor",
            ),
            pool_spec(Chat),
            ChildSpec(id="server", start=Serving.start, args=(connections, 7.5), shutdown=7.5),
            ChildSpec(
                id="drainers", start=Drainers.start, args=((drainer_spec(Chat, options),),),
                shutdown=12.5, type="supervisor",
            ),
            ChildSpec(id="acceptor", start=Acceptor.start, args=(connections,), shutdown=None),
            watcher,
        )  # fmt: skip

    def test_what_exists_once_follows_the_children_where_a_master_appoints(self, connections):
        child = ChildSpec(id="child", start=Actor.start)
        other = ChildSpec(id="other", start=Actor.start)
        seat = ChildSpec(id="once", start=Actor.start)
        endpoint = Endpoint(children=[once(other), child])
        specs = tree.children(endpoint, connections, 25.0, once=seat)
        assert ids(specs)[:2] == ["children", "once"]
        assert ids(specs[0].args[0]) == ["child"]
        assert ids(tree.once_specs(endpoint)) == ["other"]
        alone = Endpoint(children=[once(other)])
        assert ids(tree.children(alone, connections, 25.0, once=seat))[0] == "once"

    def test_what_exists_once_is_among_the_children_where_nobody_appoints(self, connections):
        child = ChildSpec(id="child", start=Actor.start)
        other = ChildSpec(id="other", start=Actor.start)
        endpoint = Endpoint(children=[once(other), child])
        specs = tree.children(endpoint, connections, 25.0)
        assert ids(specs)[:2] == ["once", "children"]
        assert [(spec.id, spec.name) for spec in specs[1].args[0]] == [
            ("other", "other"), ("child", None),
        ]  # fmt: skip

    def test_phoenix_s_order_accepts_during_the_drain(self, connections):
        endpoint = Endpoint(drain_order="phoenix")
        endpoint.socket("/chat", Chat)
        specs = tree.children(endpoint, connections, 25.0)
        assert ids(specs) == [("pool", Chat), "server", "acceptor", "drainers"]

    def test_classes_come_newest_first_as_in_phoenix(self, connections):
        specs = tree.children(mounted(Chat, Game), connections, 25.0)
        assert ids(specs)[:2] == [("pool", Game), ("pool", Chat)]
        assert drainer_ids(specs) == [("drainer", Game), ("drainer", Chat)]

    def test_class_is_there_once_with_the_options_of_its_last_mount(self, connections):
        asked = []

        class Asked(Socket):
            @classmethod
            def child_spec(cls, options):
                asked.append(options)

        endpoint = Endpoint()
        endpoint.socket("/a", Asked, options={"mine": 1}, drainer={"batch_size": 1})
        endpoint.socket("/b", Asked, options={"mine": 2}, drainer={"batch_size": 2}, longpoll=True)
        specs = tree.children(endpoint, connections, 20.0)
        assert ids(specs) == ["server", "drainers", "acceptor"]
        options = DrainOptions(batch_size=2, shutdown=10.0)
        assert asked == [{"mine": 2, "endpoint": endpoint, "grace": 20.0, "drainer": options}]
        assert specs[1].args == ((drainer_spec(Asked, options),),)

    def test_class_that_wants_nothing_has_nothing(self, connections):
        specs = tree.children(mounted(Bare), connections, 25.0)
        assert ids(specs) == ["server", "acceptor"]

    def test_specs_of_the_application_s_own(self, connections):
        class Own(Socket):
            @classmethod
            def child_spec(cls, options):
                return {"id": "cache", "start": Actor.start}

            @classmethod
            def drainer_spec(cls, options):
                return ChildSpec(id="mine", start=Actor.start, shutdown=None)

        specs = tree.children(mounted(Own), connections, 10.0)
        assert specs[0] == ChildSpec(id="cache", start=Actor.start)
        # A drainer without a bound gets that of the others.
        assert specs[2].args[0] == (ChildSpec(id="mine", start=Actor.start, shutdown=5.0),)

    def test_children_may_be_classes_and_functions(self, connections):
        endpoint = Endpoint(children=[Actor, lambda: ChildSpec(id="made", start=Actor.start)])
        group = tree.children(endpoint, connections, 25.0)[0]
        assert (group.id, ids(group.args[0])) == ("children", [Actor, "made"])


class TestDrainer:
    @pytest.mark.parametrize(
        ("given", "options"),
        [
            (True, DrainOptions(shutdown=12.5)),
            ({"batch_size": 7, "shutdown": 3.0}, DrainOptions(batch_size=7, shutdown=3.0)),
            (lambda: {"batch_interval": 1.0}, DrainOptions(batch_interval=1.0, shutdown=12.5)),
            (lambda: True, DrainOptions(shutdown=12.5)),
        ],
    )
    def test_forms(self, connections, given, options):
        specs = tree.children(mounted(Chat, drainer=given), connections, 25.0)
        assert specs[2].args == ((drainer_spec(Chat, options),),)

    @pytest.mark.parametrize("given", [False, lambda: False])
    def test_false_is_none(self, connections, given):
        specs = tree.children(mounted(Chat, drainer=given), connections, 25.0)
        assert ids(specs) == [("pool", Chat), "server", "acceptor"]

    def test_function_that_raises_is_named(self, connections):
        def no_drainer_today():
            raise RuntimeError("no")

        with pytest.raises(ConfigError) as refused:
            tree.children(mounted(Chat, drainer=no_drainer_today), connections, 25.0)
        text = str(refused.value)
        assert text.startswith("socket '/0', drainer=")
        assert "no_drainer_today failed: RuntimeError: no at " in text
        assert text.endswith(" in no_drainer_today")

    @pytest.mark.parametrize("answer", [None, 5, [("batch_size", 1)]])
    def test_function_that_answers_something_else_is_refused(self, connections, answer):
        with pytest.raises(ConfigError, match="must be True, False, a mapping of options or a f"):
            tree.children(mounted(Chat, drainer=lambda: answer), connections, 25.0)

    def test_option_that_is_not_known_is_refused_at_once(self):
        with pytest.raises(ConfigError, match=r"'batchsize' .did you mean 'batch_size'"):
            mounted(Chat, drainer={"batchsize": 1})

    @pytest.mark.parametrize("given", [None, 1, "yes"])
    def test_something_else_is_refused_at_once(self, given):
        with pytest.raises(ConfigError, match=f"drainer={given!r}: must be True, False, a mapp"):
            mounted(Chat, drainer=given)

    def test_misspelt_option_of_a_mount_is_answered_with_the_right_one(self):
        with pytest.raises(ConfigError, match=r"unknown option 'drainr' .did you mean 'drainer'"):
            mounted(Chat, drainr=False)


class TestRefusals:
    def test_spec_that_raises_is_named(self, connections):
        class Failing(Socket):
            @classmethod
            def child_spec(cls, options):
                raise RuntimeError("no")

        with pytest.raises(ConfigError, match=r"Failing.child_spec failed: RuntimeError: no"):
            tree.children(mounted(Failing), connections, 25.0)

    def test_spec_that_is_none_is_named(self, connections):
        class Wrong(Socket):
            @classmethod
            def drainer_spec(cls, options):
                return 5

        with pytest.raises(ConfigError, match=r"Wrong.drainer_spec: invalid_child_spec.*child=5"):
            tree.children(mounted(Wrong), connections, 25.0)

    def test_child_that_is_none_is_named(self, connections):
        with pytest.raises(ConfigError, match=r"Endpoint\(children=...\): invalid_child_spec"):
            tree.children(Endpoint(children=["x"]), connections, 25.0)

    def test_two_children_of_one_id_are_refused(self, connections):
        spec = ChildSpec(id="server", start=Actor.start)
        with pytest.raises(ConfigError, match="have one id: duplicate_child_name: 'server'"):
            tree.children(Endpoint(watchers=[spec]), connections, 25.0)

    @pytest.mark.parametrize("name", ["children", "watchers"])
    def test_children_must_be_a_list(self, name):
        with pytest.raises(ConfigError, match=f"{name}=5: must be a list of children"):
            Endpoint(**{name: 5})

    @pytest.mark.parametrize(("seconds", "fits"), [(2.9, True), (3.0, True), (3.1, False)])
    def test_server_that_cannot_stop_in_time_is_refused(self, seconds, fits):
        endpoint = Endpoint(grace=10.0, server_shutdown=6.0)
        endpoint.socket("/a", Chat, drainer={"shutdown": seconds})
        with bind("127.0.0.1", 0) as sock:
            if fits:
                server = Server(endpoint, sock)
                facts = server.facts()
                server.stop()
                assert facts["grace"] == 10.0
                assert facts["budget"][0].startswith(f"shutdown: drain {seconds:g} s + conn")
            else:
                with pytest.raises(ConfigError, match=r"the shutdown does not fit: drain 3.1 s"):
                    Server(endpoint, sock)


class Part(Actor):
    """Notes its start and its stop in ``journal``."""

    def __init__(self, journal, name):
        super().__init__()
        self.journal, self.name = journal, name

    def on_start(self):
        self.journal.append(f"start {self.name}")

    def terminate(self, reason):
        self.journal.append(f"stop {self.name}")


def part(journal, name, **rest):
    return ChildSpec(id=name, start=Part.start, args=(journal, name), **rest)


class TestRunning:
    def test_tree_stops_in_the_reverse_of_its_start(self):
        journal = []

        class Traced(Socket):
            @classmethod
            def child_spec(cls, options):
                return part(journal, "pool")

            @classmethod
            def drainer_spec(cls, options):
                return part(journal, "drainer")

            def init(self, state):
                journal.append("connected")
                return super().init(state)

            def terminate(self, reason):
                journal.append("disconnected")

        endpoint = Endpoint(
            children=[part(journal, "first"), part(journal, "second")],
            watchers=[part(journal, "watcher")],
        )
        endpoint.socket("/a", Traced, longpoll=True)
        endpoint.socket("/b", Traced)
        bus = part(journal, "bus")
        server = Server(endpoint, bind("127.0.0.1", 0), pubsub=[bus])
        assert journal == []
        server.start()
        starts = ["bus", "first", "second", "pool", "drainer", "watcher"]
        assert journal == [f"start {name}" for name in starts]
        with raw.Client(server.listener.address) as client:
            assert client.upgrade("/a/websocket").status == 101
            client.send(raw.frame(raw.PING))
            client.frame()
            stopping = gevent.spawn(server.stop, DEADLINE)
            assert client.frame().code == 1001  # its drainer does nothing
            client.send(raw.close_frame(1001))
            assert client.read_to_end() == b""
        assert stopping.get(timeout=DEADLINE) is True
        stops = ["watcher", "drainer", "pool", "second", "first", "bus"]
        assert journal[len(starts) :] == [
            "connected",
            "stop watcher",
            "stop drainer",
            "disconnected",
            *(f"stop {name}" for name in stops[2:]),
        ]

    def test_clients_come_in_when_everything_runs(self):
        waited = []

        class Early(Actor):
            def on_start(self):
                with raw.Client(address, deadline=0.05) as client:
                    with pytest.raises(TimeoutError):
                        client.ask("/")
                    waited.append(True)

        endpoint = Endpoint(children=[Early])
        server = Server(endpoint, bind("127.0.0.1", 0))
        address = server.listener.address
        server.start()
        try:
            assert waited == [True]
            with raw.Client(address) as client:
                assert client.ask("/").status == 404
        finally:
            server.stop(1.0)

    def test_child_that_does_not_start_is_named_and_the_rest_is_stopped(self):
        journal = []

        class Failing(Actor):
            def on_start(self):
                raise RuntimeError("no database")

        spec = ChildSpec(id="database", start=Failing.start)
        endpoint = Endpoint(children=[part(journal, "first"), spec, part(journal, "last")])
        sock = bind("127.0.0.1", 0)
        server = Server(endpoint, sock)
        with pytest.raises(ConfigError, match="child 'database' failed to start: RuntimeError: no"):
            server.start()
        assert journal == ["start first", "stop first"]
        assert sock.fileno() == -1
        assert server.stop(1.0) is True

    def test_child_that_refuses_its_configuration_says_so_itself(self):
        class Strict(Actor):
            def on_start(self):
                raise ConfigError("DATABASE_URL: must be set")

        server = Server(Endpoint(children=[Strict]), bind("127.0.0.1", 0))
        with pytest.raises(ConfigError, match=r"^DATABASE_URL: must be set$"):
            server.start()

    def test_child_that_ignores_is_no_failure(self):
        spec = ChildSpec(id="x", start=lambda: IGNORE)
        with serve(Endpoint(children=[spec])) as served, raw.Client(served.address) as client:
            assert client.ask("/").status == 404

    def test_child_that_crashes_is_restarted_and_nobody_notices(self):
        journal = []
        endpoint = Endpoint(children=[part(journal, "first"), part(journal, "second")])
        endpoint.socket("/a", Chat)
        with serve(endpoint) as served, raw.Client(served.address) as client:
            assert client.upgrade("/a/websocket").status == 101
            root = served.server._lifetime._root
            group = root.which_child("children").ref
            group.which_child("first").ref.kill()
            assert group.which_child("first").ref.is_alive()
            assert journal == ["start first", "start second", "start first"]
            client.send(raw.frame(raw.PING, b"x"))
            assert client.frame().payload == b"x"

    def test_pool_of_a_mounted_class_takes_children(self):
        journal = []
        with serve(mounted(Chat)):
            ref = start_child(Chat, part(journal, "upload"), key="a user")
            assert ref.is_alive()
        assert journal == ["start upload", "stop upload"]
        assert ref.exit_reason == SHUTDOWN


class TestGivingUp:
    def test_server_that_gives_up_drains_and_says_why(self):
        class Nested(Supervisor):
            def init(self):
                spec = ChildSpec(id="inner", start=Actor.start)
                return {"intensity": 0}, [spec]

        spec = ChildSpec(id="nested", start=Nested.start, type="supervisor")
        endpoint = Endpoint(watchers=[spec])
        endpoint.socket("/a", Chat)
        server = Server(endpoint, bind("127.0.0.1", 0))
        server.start()
        with raw.Client(server.listener.address) as client:
            assert client.upgrade("/a/websocket").status == 101
            root = server._lifetime._root
            for _ in range(4):  # more than three in five seconds
                nested = root.which_child("nested").ref
                inner = nested.which_child("inner").ref
                inner.exit(RuntimeError("boom"))
                assert nested.wait(DEADLINE)
            assert client.frame().code == 1012
            client.send(raw.close_frame(1012))
        assert server.failed.get(timeout=DEADLINE) == (
            "'nested' ended (shutdown), as 'inner' ended (RuntimeError: boom)"
        )
        assert server.stop(1.0) is True

    def test_server_that_is_killed_has_failed(self):
        server = Server(Endpoint(), bind("127.0.0.1", 0))
        server.start()
        server._lifetime._root.kill()
        assert server.failed.get(timeout=DEADLINE) == "killed"
        server.stop(1.0)

    def test_server_that_is_stopped_has_not(self):
        server = Server(Endpoint(), bind("127.0.0.1", 0))
        server.start()
        assert server.stop(1.0) is True
        assert not server.failed.ready()


@pytest.mark.parametrize("pools", [0, 1, 8, 100])
def test_many_pools_do_not_shorten_the_drain(pools):
    def child(name, shutdown):
        return Child(ChildSpec(id=name, start=Acceptor.start, shutdown=shutdown))

    drainers, server = child(DRAINERS, 4.0), child(SERVER, 2.4)
    after = [server, *(child(number, 5.0) for number in range(pools))]
    assert share(4.0, _later(drainers, after, 7.2), 7.2) == pytest.approx(4.0, abs=0.1)
    assert share(5.0, _later(after[-1], [], 1.0), 1.0) == 1.0
