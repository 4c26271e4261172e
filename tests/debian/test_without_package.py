"""The lines of docs/packaging.md for an installation without the package, in a bare root."""

from tests.docs.pages import shell_blocks

from .bare import Bare

PAGE = "docs/packaging.md"
HEADING = "Without the package"
# What a person answers who is asked, and what the page takes for granted: a Postfix.
SPELLED = {
    "apt-get install": "DEBIAN_FRONTEND=noninteractive apt-get install -qq -y",
    "bouncegate setup": "bouncegate setup --yes",
    "bouncegate setup --yes --check": "bouncegate setup --check || [ $? = 2 ]",
}
A_POSTFIX = (
    "DEBIAN_FRONTEND=noninteractive apt-get update -qq; "
    "DEBIAN_FRONTEND=noninteractive apt-get install -qq -y postfix ca-certificates procps; "
    "[ -e /etc/postfix/main.cf ] || cp /usr/share/postfix/main.cf.debian /etc/postfix/main.cf"
)
# It notes what it is asked to do.
SYSTEMCTL = """mkdir -p /run/systemd/system; printf '%s\\n' '#!/bin/sh' 'echo "$*" >>/root/asked' \
    >/usr/local/bin/systemctl; chmod +x /usr/local/bin/systemctl"""
STARTED = """
setpriv --reuid=bouncegate --regid=bouncegate --init-groups bouncegate milter 2>/root/log &
for _ in $(seq 100); do
    [ ! -S /var/spool/postfix/bouncegate/milter.sock ] || break
    sleep 0.1
done
stat -c '%U:%G %a' /var/spool/postfix/bouncegate/milter.sock
kill $!
"""
LEFT = (
    "ls -d /usr/local/bin/bouncegate /etc/systemd/system/bouncegate-* /etc/*.d/bouncegate.conf "
    "/run/bouncegate /var/spool/postfix/bouncegate 2>/dev/null || true"
)


def test_lines_of_the_page_set_up_what_the_package_does_and_take_it_away(bare: Bare) -> None:
    typed(bare, f"{A_POSTFIX}; {SYSTEMCTL}")
    typed(bare, "cp -a /etc/postfix /root/postfix-before")
    install, remove = (b.commands() for b in shell_blocks(PAGE) if b.heading == HEADING)
    for line in install:
        typed(bare, spelled(line))
    assert typed(bare, "bouncegate --version").startswith("bouncegate ")
    assert "nothing wrong" in typed(bare, "bouncegate check-config")
    assert "nothing to do" in typed(bare, "bouncegate setup --check")
    assert typed(bare, STARTED) == "bouncegate:postfix 660\n"
    unit = typed(bare, "cat /etc/systemd/system/bouncegate-milter.service")
    assert "ExecStart=/opt/bouncegate/bin/bouncegate milter" in unit
    for line in remove:
        typed(bare, spelled(line))
    assert typed(bare, LEFT) == ""
    typed(bare, "diff -r --no-dereference /root/postfix-before /etc/postfix")
    assert "disable --now bouncegate-backup.service" in typed(bare, "cat /root/asked")


def typed(bare: Bare, line: str) -> str:
    """What a line answers that is typed where programs of the administrator come first."""
    return bare.type_in(f"export PATH=/usr/local/bin:$PATH; {line}")


def spelled(line: str) -> str:
    for written, typed in SPELLED.items():
        line = line.replace(written, typed)
    return line
