"""Which peers are trusted proxies."""

from __future__ import annotations

import pytest

from transports.tcp.trust import TrustedProxies, parsed


@pytest.mark.parametrize(
    ("entries", "address", "trusted"),
    [
        ((), "127.0.0.1", False),
        ((), "unix", False),
        (("unix",), "unix", True),
        (("unix",), "127.0.0.1", False),
        (("10.0.0.0/8",), "unix", False),
        (("10.0.0.0/8",), "10.255.255.255", True),
        (("10.0.0.0/8",), "11.0.0.0", False),
        (("10.0.0.0/8",), "::ffff:10.1.2.3", True),  # an IPv4 client of a socket at [::]
        (("::ffff:10.0.0.0/104",), "::ffff:10.1.2.3", True),  # as the kernel names it there
        (("::ffff:10.0.0.0/104",), "10.255.255.255", True),
        (("::ffff:10.0.0.0/104",), "11.0.0.0", False),
        (("::ffff:10.1.2.3",), "10.1.2.3", True),
        (("127.0.0.1", "::1"), "::1", True),
        (("127.0.0.1",), "127.0.0.2", False),
        (("fe80::/10",), "fe80::1%eth0", True),
        (("2001:db8::/32",), "2001:db8:ffff::1", True),
        (("2001:db8::/32",), "10.0.0.1", False),
        (("10.0.0.0/8",), "", False),
        (("10.0.0.0/8",), "nonsense", False),
    ],
)
def test_peer_is_trusted_by_its_network(entries, address, trusted):
    assert TrustedProxies(entries).trusts(address) is trusted


@pytest.mark.parametrize("entry", ["", "*", "10.0.0.1/8", "10.0.0.0/33", "proxy.example", "Unix"])
def test_entry_that_is_no_network_is_refused(entry):
    with pytest.raises(ValueError, match="is no network such as"):
        TrustedProxies([entry])


@pytest.mark.parametrize("entry", ["0.0.0.0/0", "::/0", "::ffff:0:0/96"])
def test_network_of_everybody_is_refused(entry):
    with pytest.raises(ValueError, match="trusts everybody"):
        TrustedProxies([entry])


@pytest.mark.parametrize(
    "entries",
    [
        ("0.0.0.0/1", "128.0.0.0/1"),
        ("128.0.0.0/2", "10.0.0.0/8", "unix", "::1", "0.0.0.0/1", "192.0.0.0/2"),
        ("::/1", "8000::/1"),
        ("::ffff:0.0.0.0/97", "128.0.0.0/1"),
    ],
)
def test_networks_that_are_everybody_together_are_refused(entries):
    with pytest.raises(ValueError, match="together trust everybody"):
        TrustedProxies(entries)
    assert TrustedProxies(entries[:-1])


def test_none_is_false():
    assert not TrustedProxies()
    assert TrustedProxies(["unix"])
    assert TrustedProxies(["::1"])


@pytest.mark.parametrize("text", ["", "1.2.3", "fe80::1%eth0", "1" * 46, "1.2.3.4 "])
def test_what_is_no_address_is_none(text):
    assert parsed(text) is None


def test_longest_address_is_one():
    longest = "0000:0000:0000:0000:0000:ffff:255.255.255.255"
    assert len(longest) == 45
    assert str(parsed(longest)) == "255.255.255.255"
