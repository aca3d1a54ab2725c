/* SPDX-License-Identifier: ISC */
#include "ctl/show.h"

#include <fnmatch.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
show_text(const struct out *o, const char *before, const char *text,
    const char *after)
{
	char *safe;

	if (*text == '\0')
		return;
	safe = out_escape(o, text);
	printf("%s%s%s", before, safe, after);
	free(safe);
}

struct json_object *
show_params(const char *name, const char *value)
{
	struct json_object *o = json_object_new_object();

	if (value != NULL)
		json_object_object_add(o, name, json_object_new_string(value));
	return o;
}

char *
show_targets(struct json_object *targets)
{
	const char *one;
	char *text;
	size_t len, i;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		abort();
	for (i = 0; i < run_len(targets); i++) {
		one = json_object_get_string(run_at(targets, i));
		fprintf(f, "%s%s", i > 0 ? " > " : "",
		    one != NULL ? one : "-");
	}
	fclose(f);
	return text;
}

int
show_matches(const char *pattern, const char *name)
{
	return pattern == NULL || fnmatch(pattern, name, 0) == 0;
}

void
show_no_match(struct run *r, const char *what, const char *pattern,
    struct json_object *rows)
{
	size_t i;

	rpc_error_set(&r->err, ERR_NO_INPUT, "no %s '%s'", what, pattern);
	for (i = 0; i < run_len(rows); i++)
		rpc_error_suggest(&r->err, pattern,
		    run_str(run_at(rows, i), "model"));
	rpc_error_hint(&r->err, "llmctl models");
}
