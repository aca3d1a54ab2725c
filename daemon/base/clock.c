/* SPDX-License-Identifier: ISC */
#include "base/clock.h"

#include <stdbool.h>
#include <string.h>

#include "base/str.h"

static const char clock_days[7][10] = {
	"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
	"Saturday"
};
static const char clock_months[12][4] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
	"Nov", "Dec"
};

#define CLOCK_MAX	253402300799	/* 9999-12-31T23:59:59Z */

/* k decimal digits of v. */
static char *
clock_put(char *p, int v, int k)
{
	int i;

	for (i = k - 1; i >= 0; i--, v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + k;
}

static void
clock_utc(time_t t, struct tm *tm)
{
	if (t < 0)
		t = 0;
	if (t > CLOCK_MAX)
		t = CLOCK_MAX;
	gmtime_r(&t, tm);
}

void
clock_rfc3339(uint64_t wall_ns, char out[CLOCK_RFC3339_LEN + 1])
{
	struct tm tm;
	char *p;

	clock_utc((time_t)(wall_ns / 1000000000u), &tm);
	p = clock_put(out, tm.tm_year + 1900, 4);
	*p++ = '-';
	p = clock_put(p, tm.tm_mon + 1, 2);
	*p++ = '-';
	p = clock_put(p, tm.tm_mday, 2);
	*p++ = 'T';
	p = clock_put(p, tm.tm_hour, 2);
	*p++ = ':';
	p = clock_put(p, tm.tm_min, 2);
	*p++ = ':';
	p = clock_put(p, tm.tm_sec, 2);
	*p++ = '.';
	p = clock_put(p, (int)(wall_ns / 1000000u % 1000u), 3);
	*p++ = 'Z';
	*p = '\0';
}

void
clock_http_date(time_t t, char out[CLOCK_HTTP_LEN + 1])
{
	struct tm tm;
	char *p = out;

	clock_utc(t, &tm);
	memcpy(p, clock_days[tm.tm_wday], 3);
	p += 3;
	*p++ = ',';
	*p++ = ' ';
	p = clock_put(p, tm.tm_mday, 2);
	*p++ = ' ';
	memcpy(p, clock_months[tm.tm_mon], 3);
	p += 3;
	*p++ = ' ';
	p = clock_put(p, tm.tm_year + 1900, 4);
	*p++ = ' ';
	p = clock_put(p, tm.tm_hour, 2);
	*p++ = ':';
	p = clock_put(p, tm.tm_min, 2);
	*p++ = ':';
	p = clock_put(p, tm.tm_sec, 2);
	memcpy(p, " GMT", 5);
}

/* Length of the first of the k names (each `size` apart) that begins at s, or
 * 0; its number in *which. */
static size_t
clock_name(const char *s, const char *end, const char *names, size_t size,
    size_t k, size_t len, int *which)
{
	size_t i, n;

	for (i = 0; i < k; i++) {
		n = len != 0 ? len : strlen(names + i * size);
		if ((size_t)(end - s) >= n &&
		    memcmp(s, names + i * size, n) == 0) {
			*which = (int)i;
			return n;
		}
	}
	return 0;
}

/* Reads k digits; a space may stand for the first one. */
static bool
clock_digits(const char *s, const char *end, size_t k, bool space, int *v)
{
	size_t i;

	if ((size_t)(end - s) < k)
		return false;
	for (*v = 0, i = 0; i < k; i++) {
		if (space && i == 0 && s[i] == ' ')
			continue;
		if (s[i] < '0' || s[i] > '9')
			return false;
		*v = *v * 10 + (s[i] - '0');
	}
	return true;
}

/*
 * Reads all of s by the pattern f: D and L are a day of the week in three
 * letters and whole, o a month in three letters; Y is a year of four digits,
 * y of two, j a day of the month, k one whose first digit may be a space,
 * H i s the time; anything else stands for itself.
 */
static bool
clock_scan(const char *s, size_t n, const char *f, struct tm *tm)
{
	const char *end = s + n;
	int v = 0;

	for (; *f != '\0'; f++, s += n) {
		n = 1;
		if (*f == 'D')
			n = clock_name(s, end, clock_days[0], 10, 7, 3, &v);
		else if (*f == 'L')
			n = clock_name(s, end, clock_days[0], 10, 7, 0, &v);
		else if (*f == 'o')
			n = clock_name(s, end, clock_months[0], 4, 12, 3,
			    &tm->tm_mon);
		else if (strchr("YyjkHis", *f) != NULL) {
			n = *f == 'Y' ? 4 : 2;
			if (!clock_digits(s, end, n, *f == 'k', &v))
				return false;
		} else if (s == end || *s != *f)
			return false;
		if (n == 0)
			return false;
		switch (*f) {
		case 'Y':
			tm->tm_year = v - 1900;
			break;
		case 'y':
			tm->tm_year = v;
			break;
		case 'j':
		case 'k':
			tm->tm_mday = v;
			break;
		case 'H':
			tm->tm_hour = v;
			break;
		case 'i':
			tm->tm_min = v;
			break;
		case 's':
			tm->tm_sec = v;
			break;
		}
	}
	return s == end;
}

/* True if the fields are a time of day and a day of that month. */
static bool
clock_valid(const struct tm *tm)
{
	static const int days[12] =
	    { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int y = tm->tm_year + 1900;
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	if (tm->tm_mday < 1 || tm->tm_mday > days[tm->tm_mon] ||
	    (tm->tm_mon == 1 && tm->tm_mday == 29 && !leap))
		return false;
	return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec <= 60;
}

/*
 * RFC 9110 5.6.7: the preferred form and both obsolete ones, which a
 * recipient must accept.  A two-digit year more than 50 years ahead is past.
 */
static bool
clock_parse_http(const char *v, size_t n, time_t now, time_t *out)
{
	struct tm tm = { 0 }, today;

	if (clock_scan(v, n, "D, j o Y H:i:s GMT", &tm))
		;
	else if (clock_scan(v, n, "L, j-o-y H:i:s GMT", &tm)) {
		clock_utc(now, &today);
		tm.tm_year += today.tm_year - today.tm_year % 100;
		if (tm.tm_year > today.tm_year + 50)
			tm.tm_year -= 100;
	} else if (!clock_scan(v, n, "D o k H:i:s Y", &tm))
		return false;
	if (!clock_valid(&tm))
		return false;
	*out = timegm(&tm);
	return true;
}

int64_t
clock_retry_after(const char *v, size_t n, time_t now)
{
	struct span s = span_trim((struct span){ v, n });
	uint64_t x;
	size_t i;
	time_t t;

	if (span_u64(s, &x))
		return x > INT64_MAX ? INT64_MAX : (int64_t)x;
	for (i = 0; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		;
	if (i > 0 && i == s.n)
		return INT64_MAX;	/* digits that do not fit */
	if (!clock_parse_http(s.p, s.n, now, &t))
		return -1;
	return t > now ? (int64_t)(t - now) : 0;
}
