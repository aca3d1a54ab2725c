# SPDX-License-Identifier: ISC
"""The harness itself: keys reach the program, the screen is read back, a
resize is seen, and the exit status is known."""

SCRIPT = r"""
trap 'stty size' WINCH
stty -icanon -echo min 1
printf 'ready \342\234\223\n'
while :; do
	c=$(dd bs=1 count=1 2>/dev/null)
	[ "$c" = q ] && exit 7
	[ -n "$c" ] && printf 'got <%s>\n' "$c"
done
"""


def test_keys_and_screen(screen):
    s = screen(["sh", "-c", SCRIPT])
    s.wait("^ready \u2713$")
    assert s.size() == (80, 24)
    s.type("ab")
    s.wait("^got <b>$")
    assert s.has("^got <a>$")
    s.keys("q")
    assert s.wait_exit() == 7


def test_resize(screen):
    s = screen(["sh", "-c", SCRIPT], w=100, h=30)
    s.wait("^ready")
    s.resize(60, 15)
    assert s.size() == (60, 15)
    s.keys("x")
    s.wait("^15 60$")
    assert len(s.lines()) == 15


def test_alternate_screen(screen):
    s = screen(["sh", "-c", "printf '\\033[?1049h\\033[2J\\033[5;3Hhere';"
                "sleep 60"])
    s.wait("^  here")
    assert s.alternate() and s.cursor() == (6, 4)
