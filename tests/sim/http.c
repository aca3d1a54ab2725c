/* SPDX-License-Identifier: ISC */
#include "http.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HTTP_TOKEN	"!#$%&'*+-.^_`|~0123456789" \
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

void
http_fini(struct http_req *r)
{
	size_t i;

	for (i = 0; i < r->nfields; i++) {
		free(r->fields[i].name);
		free(r->fields[i].value);
	}
	free(r->fields);
	free(r->method);
	free(r->target);
	free(r->path);
	free(r->query);
	buf_fini(&r->body);
	memset(r, 0, sizeof(*r));
}

const char *
http_field(const struct http_req *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->nfields; i++)
		if (strcasecmp(r->fields[i].name, name) == 0)
			return r->fields[i].value;
	return NULL;
}

void
http_unescape(char *s)
{
	char *out = s, hex[3] = "";

	for (; *s != '\0'; s++) {
		if (*s == '%' && strspn(s + 1, "0123456789abcdefABCDEF") >= 2) {
			memcpy(hex, s + 1, 2);
			*out++ = (char)strtol(hex, NULL, 16);
			s += 2;
		} else {
			*out++ = *s == '+' ? ' ' : *s;
		}
	}
	*out = '\0';
}

char *
http_param(const struct http_req *r, const char *name)
{
	size_t n = strlen(name), len;
	const char *p;
	char *v;

	for (p = r->query; p != NULL && *p != '\0'; p += len) {
		while (*p == '&')
			p++;
		len = strcspn(p, "&");
		if (strncmp(p, name, n) != 0 || len < n ||
		    (len > n && p[n] != '='))
			continue;
		v = buf_dupn(p + n + (len > n), len - n - (len > n));
		http_unescape(v);
		return v;
	}
	return NULL;
}

/* Splits the request line; absolute-form loses scheme and authority. */
static int
http_line(struct http_req *r, char *line)
{
	char *target, *version, *p;

	target = strchr(line, ' ');
	if (target == NULL || target == line)
		return -1;
	*target++ = '\0';
	version = strchr(target, ' ');
	if (version == NULL || version == target)
		return -1;
	*version++ = '\0';
	if (strcmp(version, "HTTP/1.1") == 0)
		r->minor = 1;
	else if (strcmp(version, "HTTP/1.0") != 0)
		return -1;
	if (line[strspn(line, HTTP_TOKEN)] != '\0')
		return -1;
	r->method = buf_dup(line);
	r->target = buf_dup(target);
	p = strstr(target, "://");
	if (p != NULL && target[0] != '/') {
		p = strchr(p + 3, '/');
		target = p != NULL ? p : (char *)(uintptr_t)"/";
	}
	r->path = buf_dup(target);
	p = strchr(r->path, '?');
	if (p != NULL) {
		r->query = buf_dup(p + 1);
		*p = '\0';
	}
	return 0;
}

static int
http_add(struct http_req *r, char *line)
{
	char *colon, *value, *end;

	colon = strchr(line, ':');
	if (colon == NULL || colon == line)
		return -1;
	*colon = '\0';
	if (line[strspn(line, HTTP_TOKEN)] != '\0')
		return -1;
	value = colon + 1 + strspn(colon + 1, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	r->fields = realloc(r->fields, (r->nfields + 1) * sizeof(*r->fields));
	if (r->fields == NULL)
		abort();
	r->fields[r->nfields].name = buf_dup(line);
	r->fields[r->nfields++].value = buf_dup(value);
	return 0;
}

/* Reads the fields that frame the body, as strictly as Go does. */
static int
http_framing(struct http_req *r)
{
	const char *te, *cl, *v;
	char *end;
	size_t i, n = 0;

	te = http_field(r, "Transfer-Encoding");
	cl = http_field(r, "Content-Length");
	for (i = 0; i < r->nfields; i++)
		n += strcasecmp(r->fields[i].name, "Content-Length") == 0;
	if (n > 1 || (te != NULL && cl != NULL))
		return -1;
	if (te != NULL) {
		if (strcasecmp(te, "chunked") != 0)
			return -1;
		r->chunked = true;
	}
	if (cl != NULL) {
		if (cl[0] == '\0' || cl[strspn(cl, "0123456789")] != '\0')
			return -1;
		r->length = strtoul(cl, &end, 10);
		if (r->length > HTTP_BODY_MAX)
			return -1;
	}
	v = http_field(r, "Connection");
	r->close = r->minor == 0 ? v == NULL || !strcasestr(v, "keep-alive") :
	    v != NULL && strcasestr(v, "close") != NULL;
	v = http_field(r, "Expect");
	r->expect = v != NULL && strcasecmp(v, "100-continue") == 0;
	return 0;
}

enum http_result
http_head(struct http_req *r, struct buf *in)
{
	char *head, *line, *next, *end;
	enum http_result rc = HTTP_OK;
	size_t skip, len;

	skip = in->len > 0 ? strspn(in->data, "\r\n") : 0;
	if (skip > 0)
		buf_drop(in, skip);
	if (in->len == 0)
		return HTTP_MORE;
	end = memmem(in->data, in->len, "\r\n\r\n", 4);
	if (end == NULL)
		return in->len > HTTP_HEAD_MAX ? HTTP_BAD : HTTP_MORE;
	len = (size_t)(end - in->data) + 4;
	head = buf_dupn(in->data, len - 2);
	if (strlen(head) != len - 2)
		rc = HTTP_BAD;
	for (line = head; rc == HTTP_OK && *line != '\0'; line = next) {
		next = strstr(line, "\r\n");
		if (next == NULL) {
			rc = HTTP_BAD;
			break;
		}
		*next = '\0';
		next += 2;
		if (line == head ? http_line(r, line) : http_add(r, line))
			rc = HTTP_BAD;
	}
	if (rc == HTTP_OK && http_framing(r) < 0)
		rc = HTTP_BAD;
	free(head);
	buf_drop(in, len);
	return rc;
}

/* One step of a chunked body: a size line, data, or the trailers. */
static enum http_result
http_chunk(struct http_req *r, struct buf *in, size_t *pos)
{
	char *p = in->data + *pos, *eol, *end;
	size_t have = in->len - *pos, n;

	if (r->chunk_left > 2) {
		n = r->chunk_left - 2 < have ? r->chunk_left - 2 : have;
		buf_add(&r->body, p, n);
		r->chunk_left -= n;
		*pos += n;
		return r->chunk_left > 2 ? HTTP_MORE : HTTP_OK;
	}
	if (r->chunk_left == 2) {
		if (have < 2)
			return HTTP_MORE;
		if (memcmp(p, "\r\n", 2) != 0)
			return HTTP_BAD;
		*pos += 2;
		r->chunk_left = 0;
		return HTTP_OK;
	}
	eol = memmem(p, have, "\r\n", 2);
	if (eol == NULL)
		return have > 8192 ? HTTP_BAD : HTTP_MORE;
	*pos += (size_t)(eol - p) + 2;
	if (r->trailers) {
		r->trailers = eol != p;
		r->chunked = r->trailers;	/* done at the empty line */
		return HTTP_OK;
	}
	n = strtoul(p, &end, 16);
	if (end == p || (*end != '\r' && *end != ';' && *end != ' ') ||
	    n > HTTP_BODY_MAX || strchr("+- \t", *p) != NULL)
		return HTTP_BAD;
	if (n == 0)
		r->trailers = true;
	else
		r->chunk_left = n + 2;
	return HTTP_OK;
}

enum http_result
http_body(struct http_req *r, struct buf *in)
{
	enum http_result rc = HTTP_OK;
	size_t n, pos = 0;

	if (!r->chunked) {
		n = r->length - r->body.len;
		if (n > in->len)
			n = in->len;
		if (n > 0) {
			buf_add(&r->body, in->data, n);
			buf_drop(in, n);
		}
		return r->body.len == r->length ? HTTP_OK : HTTP_MORE;
	}
	while (r->chunked && rc == HTTP_OK) {
		if (pos == in->len)
			rc = HTTP_MORE;
		else
			rc = http_chunk(r, in, &pos);
		if (r->body.len > HTTP_BODY_MAX)
			rc = HTTP_BAD;
	}
	if (pos > 0)
		buf_drop(in, pos);
	return rc;
}

const char *
http_reason(int status)
{
	static const struct {
		int		 status;
		const char	*reason;
	} reasons[] = {
		{ 100, "Continue" }, { 101, "Switching Protocols" },
		{ 102, "Processing" }, { 103, "Early Hints" },
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
		{ 204, "No Content" }, { 301, "Moved Permanently" },
		{ 302, "Found" }, { 303, "See Other" },
		{ 304, "Not Modified" }, { 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" }, { 400, "Bad Request" },
		{ 401, "Unauthorized" }, { 402, "Payment Required" },
		{ 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 407, "Proxy Authentication Required" },
		{ 408, "Request Timeout" }, { 409, "Conflict" },
		{ 413, "Request Entity Too Large" },
		{ 422, "Unprocessable Entity" },
		{ 429, "Too Many Requests" },
		{ 499, "Client Closed Request" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" },
		{ 502, "Bad Gateway" }, { 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" }, { 529, "Overloaded" },
	};
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Status";
}
