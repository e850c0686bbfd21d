"""What drills read in ``/metrics``."""

from __future__ import annotations

from supervision.drills.sums import fallen, rising, total

TEXT = """\
# HELP roost_bytes_total Bytes.
# TYPE roost_bytes_total counter
roost_bytes_total{direction="in"} 5
roost_bytes_total{direction="out"} 7.0
# TYPE roost_connections gauge
roost_connections 3
# TYPE app_seconds histogram
app_seconds_bucket{le="0.1",path="a b"} 1
app_seconds_bucket{le="+Inf",path="a b"} 2
app_seconds_sum 0.5
app_seconds_count 2
# TYPE roost_ops_cpu_seconds_total counter
roost_ops_cpu_seconds_total 0.5

untyped 9
"""


def test_counters_and_histograms_never_fall():
    assert rising(TEXT) == {
        'roost_bytes_total{direction="in"}': 5.0,
        'roost_bytes_total{direction="out"}': 7.0,
        'app_seconds_bucket{le="0.1",path="a b"}': 1.0,
        'app_seconds_bucket{le="+Inf",path="a b"}': 2.0,
        "app_seconds_sum": 0.5,
        "app_seconds_count": 2.0,
    }


def test_a_total_is_that_of_all_labels_or_of_some():
    samples = rising(TEXT)
    assert total(samples, "roost_bytes_total") == 12.0
    assert total(samples, 'roost_bytes_total{direction="in"}') == 5.0
    assert total(samples, "roost_bytes") == 0.0


def test_what_is_less_or_gone_has_fallen():
    before = {"less": 2.0, "gone": 0.0, "same": 1.0, "more": 1.0}
    now = {"less": 1.5, "same": 1.0, "more": 3.0, "new": 0.0}
    assert fallen(before, now) == ["less: 2 -> 1.5", "gone: 0 -> gone"]
