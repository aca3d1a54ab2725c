# SPDX-License-Identifier: ISC
"""Raw requests for the gate: what must be refused, and what must be
accepted, from RFC 9112 section by section and from what HTTP servers are
known to get wrong.

BAD: name -> (bytes, statuses that may answer it).  Most carry a chat request
that would reach the backend if the gate let it through, or hide one behind a
length that two parsers would read differently.
GOOD: name -> (bytes, how many 200 replies).
"""

B = b'{"model":"m","messages":[{"role":"user","content":"x"}]}'
LEN = b"%d" % len(B)
P = b"POST /v1/chat/completions HTTP/1.1"
H = b"Host: localhost"
CL = b"Content-Length: " + LEN
TE = b"Transfer-Encoding: chunked"
# What a smuggled request would look like.
INNER = P + b"\r\n" + H + b"\r\n" + CL + b"\r\n\r\n" + B
CHUNK = b"%x\r\n" % len(B) + B + b"\r\n0\r\n\r\n"

BAD = {}
GOOD = {}
S400 = (400,)


def req(*lines, body=B, line=P):
    """A request of head lines, CRLF after each."""
    return b"\r\n".join((line, *lines)) + b"\r\n\r\n" + body


def bad(name, data, *status):
    assert name not in BAD, name
    BAD[name] = (data, status or S400)


def good(name, data, n=1):
    assert name not in GOOD, name
    GOOD[name] = (data, n)


# --- RFC 9112 section 3: the request line -----------------------------------

for _name, _line, _st in [
    ("no method", b" /health HTTP/1.1", S400),
    ("no target", b"GET  HTTP/1.1", S400),
    ("tab for space", b"GET\t/health HTTP/1.1", S400),
    ("two spaces", b"GET  /health HTTP/1.1", S400),
    ("two spaces before version", b"GET /health  HTTP/1.1", S400),
    ("space at end", b"GET /health HTTP/1.1 ", S400),
    ("tab at end", b"GET /health HTTP/1.1\t", S400),
    ("space in target", b"GET /hea lth HTTP/1.1", S400),
    ("tab in target", b"GET /hea\tlth HTTP/1.1", S400),
    ("http 0.9", b"GET /health", S400),
    ("version 0.9", b"GET /health HTTP/0.9", (400, 505)),
    ("version 2.0", b"GET /health HTTP/2.0", (400, 505)),
    ("version 3", b"GET /health HTTP/3", (400, 505)),
    ("version 1", b"GET /health HTTP/1", S400),
    ("version 1.", b"GET /health HTTP/1.", S400),
    ("version .1", b"GET /health HTTP/.1", S400),
    ("version 1.1x", b"GET /health HTTP/1.1x", S400),
    ("version 01.1", b"GET /health HTTP/01.1", S400),
    ("version 1.01", b"GET /health HTTP/1.01", S400),
    ("version 1.10", b"GET /health HTTP/1.10", S400),
    ("version 1.1.1", b"GET /health HTTP/1.1.1", S400),
    ("version lower case", b"GET /health http/1.1", S400),
    ("version with space", b"GET /health HTTP /1.1", S400),
    ("other protocol", b"GET /health FTP/1.1", S400),
    ("ICY", b"GET /health ICY/1.1", S400),
    ("target without slash", b"GET health HTTP/1.1", S400),
    ("target *", b"GET * HTTP/1.1", S400),
    ("target with fragment", b"GET /health#x HTTP/1.1", S400),
    ("target NUL", b"GET /he\0alth HTTP/1.1", S400),
    ("target ctl", b"GET /he\x01alth HTTP/1.1", S400),
    ("target DEL", b"GET /he\x7falth HTTP/1.1", S400),
    ("target raw 8 bit", b"GET /he\xc3\xa4lth HTTP/1.1", S400),
    ("target quote", b'GET /he"alth HTTP/1.1', S400),
    ("target backslash", b"GET /he\\alth HTTP/1.1", S400),
    ("target %zz", b"GET /he%zzalth HTTP/1.1", S400),
    ("target % at end", b"GET /health% HTTP/1.1", S400),
    ("target %4 at end", b"GET /health%4 HTTP/1.1", S400),
    ("target %00", b"GET /health%00 HTTP/1.1", S400),
    ("target %00 in id", b"GET /v1/models/m%00x HTTP/1.1", S400),
    ("absolute ftp", b"GET ftp://localhost/health HTTP/1.1", S400),
    ("absolute no host", b"GET http:///health HTTP/1.1", S400),
    ("absolute userinfo", b"GET http://u:p@localhost/health HTTP/1.1", S400),
    ("absolute bad port", b"GET http://localhost:x/health HTTP/1.1", S400),
    ("authority form", b"GET localhost:80 HTTP/1.1", S400),
    ("connect", b"CONNECT localhost:22 HTTP/1.1", (400, 501)),
    ("trace", b"TRACE /health HTTP/1.1", (400, 501)),
    ("unknown method", b"BREW /health HTTP/1.1", (501,)),
    ("method lower case", b"get /health HTTP/1.1", (400, 501)),
    ("method NUL", b"G\0T /health HTTP/1.1", S400),
    ("method not a token", b"G(T /health HTTP/1.1", S400),
    ("method colon", b"GET: /health HTTP/1.1", S400),
    ("method 300 long", b"M" * 300 + b" /health HTTP/1.1", (400, 501)),
    ("BOM", b"\xef\xbb\xbfGET /health HTTP/1.1", S400),
    ("space first", b" GET /health HTTP/1.1", S400),
    ("response", b"HTTP/1.1 200 OK", S400),
    ("h2 preface", b"PRI * HTTP/2.0", (400, 501, 505)),
    ("ssh", b"SSH-2.0-OpenSSH_9.2", S400),
]:
    bad(f"line: {_name}", req(H, body=b"", line=_line), *_st)

bad("line: NUL first", b"\0" + req(H, body=b"", line=b"GET /health HTTP/1.1"))
bad("line: TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    + bytes(range(200)) + b"\r\n\r\n")
bad("line: bare LF first", b"\n" + INNER)
bad("line: bare CR first", b"\r" + INNER)
bad("line: many empty lines", b"\r\n" * 8 + INNER)
bad("line: SMTP", b"EHLO there\r\n\r\n")
bad("line: JSON", B + b"\r\n\r\n")

# --- section 2.2: line ends -------------------------------------------------

bad("eol: all LF", INNER.replace(b"\r\n", b"\n"))
bad("eol: LF after the request line", P + b"\n" + H + b"\r\n" + CL
    + b"\r\n\r\n" + B)
bad("eol: LF after a header", P + b"\r\n" + H + b"\n" + CL + b"\r\n\r\n" + B)
bad("eol: LF ends the head", P + b"\r\n" + H + b"\r\n" + CL + b"\r\n\n" + B)
bad("eol: CRLF then LF LF", P + b"\r\n" + H + b"\r\n" + CL + b"\n\n" + B)
bad("eol: all CR", INNER.replace(b"\r\n", b"\r"))
bad("eol: CR after the request line", P + b"\r" + H + b"\r\n" + CL
    + b"\r\n\r\n" + B)
bad("eol: CR CR LF", P + b"\r\r\n" + H + b"\r\n" + CL + b"\r\n\r\n" + B)
bad("eol: LF CR", P + b"\n\r" + H + b"\n\r" + CL + b"\n\r\n\r" + B)
bad("eol: CR in a value", req(H, CL, b"X: a\rb"))
bad("eol: CR at a value's end", req(H, CL, b"X: a\r"))
bad("eol: CR in a name", req(H, CL, b"X\rY: a"))
bad("eol: CR hides a header", req(H, b"X: a\rContent-Length: 1", CL))
bad("eol: LF hides a header", req(H, b"X: a\nContent-Length: 1", CL))
bad("eol: empty line of a space", P + b"\r\n" + H + b"\r\n" + CL
    + b"\r\n \r\n" + B)

# --- section 5: fields ------------------------------------------------------

for _c, _n in [(0, "NUL"), (1, "SOH"), (7, "BEL"), (8, "BS"), (11, "VT"),
               (12, "FF"), (14, "SO"), (27, "ESC"), (31, "US"), (127, "DEL")]:
    bad(f"value: {_n}", req(H, CL, b"X: a" + bytes([_c]) + b"b"))
bad("value: NUL in Host", req(b"Host: localhost\0.evil", CL))
bad("value: NUL in Content-Length", req(H, CL + b"\0"))
bad("value: NUL in Authorization", req(H, CL, b"Authorization: Bearer \0"))
bad("value: NUL alone", req(H, CL, b"X: \0"))

bad("fold: space", req(H, b"X: a", b" b", CL))
bad("fold: tab", req(H, b"X: a", b"\tb", CL))
bad("fold: first header", req(b" " + H, CL))
bad("fold: after the request line", P + b"\r\n\t" + H + b"\r\n" + CL
    + b"\r\n\r\n" + B)
bad("fold: Host", req(b"Host:", b" localhost", CL))
bad("fold: Content-Length", req(H, b"Content-Length:", b" " + LEN))
bad("fold: hides chunked", req(H, b"Transfer-Encoding:", b" chunked",
                               body=CHUNK))
bad("fold: of a length", req(H, b"Content-Length: 1", b" 0", body=B))
bad("fold: last header", req(H, CL, b"X: a", b" "))

for _raw, _n in [
    (b": a", "empty"), (b" : a", "space only"), (b"X : a", "space at end"),
    (b"X\t: a", "tab at end"), (b"X Y: a", "space inside"),
    (b"X(: a", "paren"), (b"X,Y: a", "comma"), (b"X/Y: a", "slash"),
    (b"X;Y: a", "semicolon"), (b"X<: a", "less"), (b"X=: a", "equals"),
    (b"X@: a", "at"), (b"X[: a", "bracket"), (b"X\\: a", "backslash"),
    (b"X{: a", "brace"), (b'"X": a', "quotes"), (b"X?: a", "question"),
    (b"X\xc3\xa4: a", "8 bit"), (b"X\x7f: a", "DEL"), (b"X\0: a", "NUL"),
    (b"\x0bX: a", "VT"), (b"nocolon", "no colon"), (b"GET / HTTP/1.1", "request line"),
]:
    bad(f"name: {_n}", req(H, CL, _raw))
for _h in (b"Content-Length : " + LEN, b"Content-Length\t: " + LEN,
           b"Transfer-Encoding : chunked", b"Host : localhost"):
    bad("name: space before colon of " + _h.split()[0].decode().strip(":")
        + (" (tab)" if b"\t" in _h else ""),
        req(H, _h, body=B + INNER) if b"Host" not in _h else req(_h, CL))

# --- section 3.2: Host ------------------------------------------------------

bad("host: none", req(CL))
for _v, _st in [
    (b"", S400), (b" ", S400), (b"localhost:x", S400),
    (b"localhost:99999", S400), (b"localhost:-1", S400),
    (b"localhost:+80", S400), (b"loc alhost", S400), (b"loc\talhost", S400),
    (b"localhost/path", S400), (b"u@localhost", S400),
    (b"localhost,evil.example", S400), (b"localhost, localhost", S400),
    (b"[::1", S400), (b"::1", S400), (b"[zz]", S400), (b"[::1]x", S400),
    (b"[]", S400), (b"localhost#x", S400), (b"localhost?x", S400),
    (b"localhost\\x", S400), (b"http://localhost", S400),
    (b"localhost:80:80", S400), (b"<b>", S400), (b"local\xc3\xa4", S400),
    (b"evil.example", (403,)), (b"evil.example:4000", (403,)),
    (b"localhost.evil.example", (403,)), (b"notlocalhost", (403,)),
    (b"127.0.0.1.evil.example", (403,)), (b"10.0.0.1", (403,)),
    (b"[2001:db8::1]", (403,)), (b"0x7f000001", (403, 400)),
]:
    bad("host: " + repr(_v)[2:-1], req(b"Host: " + _v, CL), *_st)
bad("host: twice the same", req(H, H, CL))
bad("host: twice", req(H, b"Host: evil.example", CL))
bad("host: twice by case", req(H, b"hOST: evil.example", CL))
bad("host: empty and good", req(b"Host:", H, CL))

# --- section 6.2: Content-Length --------------------------------------------

for _v in (b"+" + LEN, b"-" + LEN, b"-0", LEN + b" " + LEN,
           LEN + b"," + LEN, LEN + b", " + LEN, LEN + b", 1", b"0x10",
           LEN + b".0", b"1e2", b"", b" ", b"abc", LEN + b"x",
           LEN + b";q=1", b"'" + LEN + b"'", b'"' + LEN + b'"',
           "٣".encode(), LEN + b"\t1", b"1_0", b"NaN", b"0b11"):
    bad("length: " + repr(_v)[2:-1], req(H, b"Content-Length: " + _v,
                                         body=B + INNER))
bad("length: 2^64", req(H, b"Content-Length: 18446744073709551616"), 400, 413)
bad("length: 2^64+n", req(H, b"Content-Length: 18446744073709551672"),
    400, 413)
bad("length: 2^63", req(H, b"Content-Length: 9223372036854775808"), 400, 413)
bad("length: 30 digits", req(H, b"Content-Length: " + b"9" * 30), 400, 413)
bad("length: 5000 digits", req(H, b"Content-Length: " + b"9" * 5000),
    400, 413)
bad("length: 65 MiB", req(H, b"Content-Length: 68157440"), 413)
bad("length: twice the same", req(H, CL, CL))
bad("length: two different", req(H, CL, b"Content-Length: 0",
                                 body=B + INNER))
bad("length: small first", req(H, b"Content-Length: 0", CL,
                               body=B + INNER))
bad("length: twice by case", req(H, CL, b"content-length: 3"))

# --- section 6.1: Transfer-Encoding -----------------------------------------

bad("te: with length", req(H, CL, TE, body=CHUNK))
bad("te: before length", req(H, TE, CL, body=CHUNK))
bad("te: with length 0", req(H, b"Content-Length: 0", TE, body=CHUNK))
bad("te: CL.TE smuggle", req(H, b"Content-Length: 4", TE,
                             body=b"0\r\n\r\n" + INNER))
for _v, _st in [
    (b"xchunked", (400, 501)), (b"chunkedx", (400, 501)),
    (b"chunke", (400, 501)), (b"identity", (400, 501)),
    (b"gzip", (400, 501)), (b"gzip, chunked", (400, 501)),
    (b"chunked, chunked", (400, 501)), (b"chunked, identity", (400, 501)),
    (b"identity, chunked", (400, 501)), (b"chunked, gzip", (400, 501)),
    (b"chunked;q=1", (400, 501)), (b"chunked;foo", (400, 501)),
    (b'"chunked"', S400), (b"'chunked'", (400, 501)),
    (b"chunked x", S400), (b"", S400), (b",", S400),
    (b"\x0bchunked", S400), (b"\x0cchunked", S400), (b"chunked\0", S400),
    (b"chu nked", S400), (b"[chunked]", S400), (b"chunked:", S400),
    (b"x: chunked", S400), (b"\xc3\xa7hunked", S400),
]:
    bad("te: " + repr(_v)[2:-1], req(H, b"Transfer-Encoding: " + _v,
                                     body=CHUNK), *_st)
bad("te: twice chunked", req(H, TE, TE, body=CHUNK), 400, 501)
bad("te: identity and chunked", req(H, b"Transfer-Encoding: identity", TE,
                                    body=CHUNK), 400, 501)
bad("te: chunked and cow", req(H, TE, b"Transfer-Encoding: cow",
                               body=CHUNK), 400, 501)
bad("te: on HTTP/1.0", req(H, TE, body=CHUNK,
                           line=P.replace(b"1.1", b"1.0")))
bad("te: name with underscore and length",
    req(H, b"Transfer_Encoding: chunked", b"Content-Length: x", body=CHUNK))

# --- section 7.1: chunks ----------------------------------------------------

_HEX = b"%x" % len(B)


def chunked(body):
    return req(H, TE, body=body)


for _size, _st in [
    (b"x", S400), (b"+" + _HEX, S400), (b"-" + _HEX, S400),
    (b"0x" + _HEX, S400), (b"0X" + _HEX, S400), (b" " + _HEX, S400),
    (b"\t" + _HEX, S400), (_HEX + b" junk", S400), (_HEX + b"g", S400),
    (b"", S400), (b" ", S400), (b"\0" + _HEX, S400), (_HEX + b"\0", S400),
    (b"'" + _HEX + b"'", S400), (_HEX + b",", S400), (_HEX + b".0", S400),
    (b"F" * 16, (400, 413)), (b"8" + b"0" * 15, (400, 413)),
    (b"1" + b"0" * 16, (400, 413)), (b"1" + b"0" * 14 + _HEX, (400, 413)),
    (b"F" * 40, (400, 413)), (b"4000001", (413,)),
    (_HEX + b";a=\0", S400), (_HEX + b";a=\x01", S400),
    (_HEX + b";a=b\rc", S400), (_HEX + b";a=" + b"x" * 9000, (400, 413, 431)),
    (_HEX + b"\x0b", S400), ("３８".encode(), S400),
]:
    bad("chunk size: " + repr(_size)[2:-1][:40],
        chunked(_size + b"\r\n" + B + b"\r\n0\r\n\r\n" + INNER), *_st)
bad("chunk: LF after the size", chunked(_HEX + b"\n" + B + b"\r\n0\r\n\r\n"))
bad("chunk: CR after the size", chunked(_HEX + b"\r" + B + b"\r\n0\r\n\r\n"))
bad("chunk: LF after an extension",
    chunked(_HEX + b";a=b\n" + B + b"\r\n0\r\n\r\n"))
bad("chunk: no CRLF after the data",
    chunked(_HEX + b"\r\n" + B + b"0\r\n\r\n" + INNER))
bad("chunk: LF after the data",
    chunked(_HEX + b"\r\n" + B + b"\n0\r\n\r\n"))
bad("chunk: CR after the data",
    chunked(_HEX + b"\r\n" + B + b"\r0\r\n\r\n"))
bad("chunk: junk after the data",
    chunked(_HEX + b"\r\n" + B + b"XX\r\n0\r\n\r\n"))
bad("chunk: data longer than its size",
    chunked(b"%x\r\n" % (len(B) - 3) + B + b"\r\n0\r\n\r\n"))
bad("chunk: data shorter than its size",
    chunked(b"%x\r\n" % (len(B) + 3) + B + b"\r\n0\r\n\r\n" + INNER))
bad("chunk: last is -0", chunked(_HEX + b"\r\n" + B + b"\r\n-0\r\n\r\n"))
bad("chunk: last is 0x0", chunked(_HEX + b"\r\n" + B + b"\r\n0x0\r\n\r\n"))
bad("chunk: last with LF", chunked(_HEX + b"\r\n" + B + b"\r\n0\n\r\n"))
bad("chunk: end with LF", chunked(_HEX + b"\r\n" + B + b"\r\n0\r\n\n"))
bad("chunk: request as a trailer",
    chunked(_HEX + b"\r\n" + B + b"\r\n0\r\n" + INNER))
bad("chunk: trailer fold",
    chunked(_HEX + b"\r\n" + B + b"\r\n0\r\nX: a\r\n b\r\n\r\n"))
bad("chunk: trailer NUL",
    chunked(_HEX + b"\r\n" + B + b"\r\n0\r\nX: \0\r\n\r\n"))
bad("chunk: trailer space before colon",
    chunked(_HEX + b"\r\n" + B + b"\r\n0\r\nX : a\r\n\r\n"))
bad("chunk: trailer without colon",
    chunked(_HEX + b"\r\n" + B + b"\r\n0\r\nX\r\n\r\n"))
bad("chunk: trailer with LF",
    chunked(_HEX + b"\r\n" + B + b"\r\n0\r\nX: a\n\r\n"))
bad("chunk: trailers of 80 kB",
    chunked(_HEX + b"\r\n" + B + b"\r\n0\r\n" + b"X: a\r\n" * 13000
            + b"\r\n"), 400, 413, 431)

# --- sizes ------------------------------------------------------------------

bad("size: head 40 KiB", req(H, CL, *[b"X: " + b"a" * 8000] * 5), 431)
bad("size: 101 fields", req(H, *[b"X: a"] * 101, line=b"GET /health HTTP/1.1",
                            body=b""), 431)
bad("size: 5000 fields", req(H, CL, *[b"X: a"] * 5000), 431)
bad("size: value of 9000", req(H, CL, b"X: " + b"a" * 9000), 431)
bad("size: name of 9000", req(H, CL, b"X" * 9000 + b": a"), 431)
bad("size: Host of 9000", req(b"Host: " + b"a" * 9000, CL), 400, 431)
bad("size: target of 9000", req(H, body=b"", line=b"GET /" + b"a" * 9000
                                + b" HTTP/1.1"), 414, 431, 400)
bad("size: target of 40000", req(H, body=b"", line=b"GET /" + b"a" * 40000
                                 + b" HTTP/1.1"), 414, 431, 400)
bad("size: line without end", b"A" * 40000, 400, 414, 431, 501)
bad("size: header without end", P + b"\r\nX: " + b"a" * 40000, 400, 431)
bad("expect: and a body too large",
    req(H, b"Expect: 100-continue", b"Content-Length: 68157440", body=b""),
    413)
bad("expect: something else", req(H, CL, b"Expect: 200-ok"), 400, 417)
bad("expect: empty", req(H, CL, b"Expect:"), 400, 417)

# --- what must be accepted --------------------------------------------------

HEALTH = b"GET /health HTTP/1.1"
good("plain", INNER)
good("chunked", chunked(CHUNK))
good("chunk extensions", chunked(
    _HEX + b';a=b;c="d e";f\r\n' + B + b"\r\n0;x\r\n\r\n"))
good("chunk size upper case and zeros", chunked(
    b"000" + _HEX.upper() + b"\r\n" + B + b"\r\n000\r\n\r\n"))
good("chunks of one byte", chunked(
    b"".join(b"1\r\n%c\r\n" % c for c in B) + b"0\r\n\r\n"))
good("trailers", chunked(
    _HEX + b"\r\n" + B + b"\r\n0\r\nX: a\r\nContent-Length: 5\r\n\r\n"))
good("TE upper case", req(H, b"TRANSFER-ENCODING: CHUNKED", body=CHUNK))
good("one empty line first", b"\r\n" + INNER)
good("names in lower case", req(b"host: localhost",
                                b"content-length: " + LEN))
good("white space around values", req(b"Host: \t localhost \t",
                                      b"Content-Length:\t" + LEN + b" "))
good("no white space", req(b"Host:localhost", b"Content-Length:" + LEN))
good("empty value", req(H, CL, b"X:", b"Y: "))
good("obs-text in a value", req(H, CL, b"X: \x80\xff\xc3\xa4"))
good("tab in a value", req(H, CL, b"X: a\tb"))
good("all token characters", req(H, CL, b"!#$%&'*+-.^_`|~09azAZ: x"))
good("same header twice", req(H, CL, b"X: a", b"X: b"))
good("100 fields", req(H, *[b"X: a"] * 99, line=HEALTH, body=b""))
good("value of 8000", req(H, CL, b"X: " + b"a" * 8000))
good("head of 30 kB", req(H, CL, *[b"X: " + b"a" * 7000] * 4))
good("absolute form", req(H, body=b"",
                          line=b"GET http://localhost/health HTTP/1.1"))
good("absolute form with port", req(
    H, body=b"", line=b"GET HTTP://127.0.0.1:80/health HTTP/1.1"))
good("percent-encoded path", req(H, body=b"",
                                 line=b"GET /%68ealth HTTP/1.1"))
good("query", req(H, body=b"", line=b"GET /health?a=b&c=/?d HTTP/1.1"))
for _v in (b"localhost:80", b"LOCALHOST", b"127.0.0.1", b"127.0.0.1:4000",
           b"[::1]", b"[::1]:4000", b"a.localhost", b"localhost:",
           b"127.1.2.3"):
    good("host " + _v.decode(), req(b"Host: " + _v, CL))
good("HTTP/1.0 without Host", req(CL, line=P.replace(b"1.1", b"1.0")))
good("HTTP/1.0 keep-alive", req(
    CL, b"Connection: keep-alive", line=P.replace(b"1.1", b"1.0")) + INNER, 2)
good("Connection: foo, keep-alive", req(
    H, CL, b"Connection: foo, Keep-Alive") + INNER, 2)
good("ten pipelined", INNER * 10, 10)
good("pipelined mix", (INNER + req(H, line=HEALTH, body=b"")
                       + chunked(CHUNK)) * 3, 9)
good("upgrade is ignored", req(
    H, b"Connection: Upgrade", b"Upgrade: websocket",
    b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: eA==",
    line=HEALTH, body=b""))
good("h2c upgrade is ignored", req(
    H, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c",
    b"HTTP2-Settings: AAMAAABk", line=HEALTH, body=b""))
good("HTTP/1.1 with TE header", req(H, CL, b"TE: trailers, deflate;q=0.5"))
good("CRLF after the body of a POST", INNER + b"\r\n" + INNER, 2)
