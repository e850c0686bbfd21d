"""In which line each key of a TOML file stands: against files made to mislead, and any text."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.endpoint.command.toml_keys import Key, keys

LURES = ["a = 1", "[t]", "# not", "]", "}", "'", "x.y = {", "= '''", "\\\\", "\t", "é"]
"""What looks like structure, for the inside of strings and comments."""


def test_every_kind_of_key_is_found():
    text = '''
a = 1 # b = 2
"c.d" . e = """
f = 3
[g]
"""""
h = [ 1, [2, "i = 5"], # j = 6
 { k = 1, l = { m = 2 } }, { n = [ { o = 1 } ], p = 2 }
 ]
q = { r.s = 1, t = {}, }
[u.'v']
w = 1979-05-27 07:32:00
x = \'\'\'
y = 1
\'\'\'\'\'
[[ z . aa ]]
"\\u0041\\"" = "b\\"c = 1"

[  ab  ]
ac = 1.5
'''
    assert keys(text) == [
        Key(("a",), 2),
        Key(("c.d", "e"), 3),
        Key(("h",), 7),
        Key(("h", "k"), 8),
        Key(("h", "l"), 8),
        Key(("h", "l", "m"), 8),
        Key(("h", "n"), 8),
        Key(("h", "n", "o"), 8),
        Key(("h", "p"), 8),
        Key(("q",), 10),
        Key(("q", "r", "s"), 10),
        Key(("q", "t"), 10),
        Key(("u", "v"), 11),
        Key(("u", "v", "w"), 12),
        Key(("u", "v", "x"), 13),
        Key(("z", "aa"), 16),
        Key(("z", "aa", 'A"'), 17),
        Key(("ab",), 19),
        Key(("ab", "ac"), 20),
    ]


def test_lines_end_as_on_either_system():
    assert keys("a = 1\r\n\r\nb = 2\r\n") == [Key(("a",), 1), Key(("b",), 3)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a = 1\nb\nc = 2", [("a",)]),
        ("a = 1\n= 2\nc = 2", [("a",)]),
        ("a = 1\n[b\nc = 2", [("a",)]),
        ("a = 1\n[]\nc = 2", [("a",)]),
        ("a = 1\n[b] c = 2", [("a",), ("b",)]),
        ("a = 1\na..b = 2", [("a",)]),
        ("a = 1\na b = 2", [("a",)]),
        ("a = 1\n}", [("a",)]),
        ("a = ]\nb = 2", [("a",)]),
        ("a = [1}\nb = 2", [("a",)]),
        ('a = """\nb = 2', [("a",)]),
        ('a = "\nb = 2', [("a",)]),
        ('"\\q" = 1\nb = 2', [('"\\q"',), ("b",)]),
        ("a = {b = 1, , c = 2}", [("a",), ("a", "b"), ("a", "c")]),
    ],
)
def test_keys_before_what_is_no_toml_are_known(text, found):
    assert [key.path for key in keys(text)] == found


@pytest.mark.parametrize(
    "lure", ['"""\\', '"""\\"', "'''", '"" ', "[", "{a=", "a.", "[[a]]\n", '"']
)
def test_no_text_takes_long(lure):
    text = "x = " + lure * (32_768 // len(lure))
    assert len(keys(text)) <= len(text)  # returns at all: the square of it would be minutes


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("ab.=[]{},#'\"\\ \n\r\t1é")), max_size=60))
def test_any_text_is_read_to_some_place_and_no_key_that_tomllib_has_is_missed(text):
    found = [key.path for key in keys(text)]
    lines = text.count("\n") + 1
    assert all(1 <= key.line <= lines for key in keys(text))
    try:
        content = tomllib.loads(text)
    except ValueError:
        return
    assert set(leaves(content)) <= set(found)


def leaves(content, above=()):
    """The path of each value that is no table, as :func:`keys` names it."""
    for name, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, (*above, name))
        elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            for each in value:
                yield from leaves(each, (*above, name))
        else:
            yield (*above, name)


# -- documents that are TOML, written by a model that knows their lines


bare = st.from_regex("[A-Za-z0-9_-]{1,6}", fullmatch=True)
inside = st.lists(st.sampled_from(LURES), max_size=4)
spaces = st.sampled_from(["", " ", "\t "])


@st.composite
def names(draw):
    """A part of a key: its text, and what it stands for."""
    name = draw(bare | st.just("a.b") | st.just("a = b") | st.just("#[") | st.just('"'))
    forms = [f'"{name}"'.replace('"""', '"\\""')]
    if "'" not in name:
        forms.append(f"'{name}'")
    if name.replace("_", "").replace("-", "").isalnum() and name.isascii():
        forms.append(name)
    return draw(st.sampled_from(forms)), name


@st.composite
def values(draw, depth=0):
    """A value's text. What it holds of lines and lures is no key."""
    lures = draw(inside)
    simple = [
        "1", "-1.5e3", "true", "1979-05-27T07:32:00Z", "07:32:00", "1979-05-27 07:32:00", "0x1f",
        '"' + " ".join(lures).replace("\\", "").replace('"', "") + '"',
        "'" + " ".join(lures).replace("'", "") + "'",
        '"""' + "\n".join(lures).replace("\\", "").replace("'''", "''") + '"""',
        "'''" + "\n".join(lures).replace("'''", "") .rstrip("'") + "'''",
    ]  # fmt: skip
    if depth < 2 and draw(st.booleans()):
        parts = draw(st.lists(values(depth + 1), max_size=3))
        comment = "# " + "".join(lures).replace("\n", "") if draw(st.booleans()) else ""
        return f"[{comment}\n" + ",\n".join(parts) + "\n]"
    return draw(st.sampled_from(simple))


@st.composite
def documents(draw):
    """A file of TOML, and each key of it with its line."""
    lines, wanted, table, seen = [], [], (), set()
    for number in range(draw(st.integers(0, 8))):
        parts = draw(st.lists(names(), min_size=1, max_size=3))
        head = draw(st.booleans())
        first = f"k{number}"  # so that none is set twice
        space = draw(spaces)
        text = f"{space}.{space}".join([first, *(part for part, _ in parts)])
        path = (first, *(name for _, name in parts))
        if draw(st.booleans()):
            lines += ["", "# " + " ".join(draw(inside))]
        if head:
            table = path
            wanted.append(Key(path, len(lines) + 1))
            lines.append(f"{space}[{space}{text}{space}] # {first}")
        else:
            wanted.append(Key((*table, *path), len(lines) + 1))
            value = draw(values())
            lines += f"{space}{text}{space}={space}{value} # {first} = 0".split("\n")
        seen.add(path)
    return "\n".join(lines), wanted


def test_the_first_key_of_many_names_is_the_last():
    assert keys("a = 1\nb.c.d = 2\ne = 3", 2) == [Key(("a",), 1), Key(("b", "c", "d"), 2)]
    assert len(keys("x = " + "{a=" * 10_000)) == 17


@settings(max_examples=100, deadline=None)
@given(documents())
def test_each_key_is_in_its_line(document):
    text, wanted = document
    tomllib.loads(text)  # else the model is wrong
    assert keys(text) == wanted
