"""`[cluster]`: each mistake is named with what would be right."""

from pathlib import Path

import pytest

from bouncegate.cluster.log import NODE
from bouncegate.config.loading import loads
from bouncegate.config.problems import ConfigError

SET = "[cluster]\ndatabase = 'host=/run/postgresql'\nname = 'mx1'\n"


def test_cluster_is_off_unless_a_database_is_set() -> None:
    assert loads("").cluster.database == ""
    assert loads(SET).cluster.name == "mx1"


def test_cluster_key_lies_beside_the_store_unless_it_is_set() -> None:
    store = Path("/var/lib/bouncegate")
    assert loads(SET).cluster.key_file(store) == store / "cluster.key"
    assert loads(f"{SET}key = '/etc/k'").cluster.key_file(store) == Path("/etc/k")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[cluster]\ndatabase = 'host=/x'", "cluster.name: not set: give this machine a name"),
        ("[cluster]\nname = 'mx1'", "cluster.database: not set, but name is"),
        (f"{SET}keep = '23 hours'", 'cluster.keep: must be at least "1 day"'),
        ("[cluster]\ndatabase = 'host=/x'\nname = 'MX1'", "cluster.name"),
        ("[cluster]\ndatabase = 'host=/x'\nname = 'mx 1'", "cluster.name"),
        ("[cluster]\ndatabase = 'host=/x password=x'\nname = 'a'", "a password does not belong"),
        ("[cluster]\ndatabase = 'password = x'\nname = 'a'", "a password does not belong"),
        ("[cluster]\ndatabase = 'sslpassword=x'\nname = 'a'", "a password does not belong"),
        ("[cluster]\ndatabase = 'postgres://u:x@h/d'\nname = 'a'", "a password does not belong"),
        (
            "[cluster]\ndatabase = 'postgresql://h/d?password=x'\nname = 'a'",
            "a password does not belong",
        ),
    ],
)
def test_cluster_mistake_is_named_with_what_would_be_right(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text, "f.toml")
    assert complaint in str(caught.value.problems[0])


@pytest.mark.parametrize(
    "database",
    [
        "host=/run/postgresql passfile=/etc/bouncegate/pgpass",
        "postgresql://mx1@db.example.com:5432/bouncegate?sslmode=verify-full",
        "postgresql://mx1@[2001:db8::1]:5432/bouncegate",
    ],
)
def test_cluster_database_without_a_password_is_taken(database: str) -> None:
    assert loads(f"[cluster]\ndatabase = '{database}'\nname = 'a'").cluster.database == database


@pytest.mark.parametrize(
    "name", ["a", "mx1", "mx1.example.com", "a_b", "a" * 64, "", "a-", "-a", ".a", "A", "a" * 65]
)
def test_cluster_name_is_what_the_engine_takes(name: str) -> None:
    text = f"[cluster]\ndatabase = 'host=/x'\nname = '{name}'"
    if NODE.fullmatch(name):
        assert loads(text).cluster.name == name
    else:
        with pytest.raises(ConfigError):
            loads(text)
