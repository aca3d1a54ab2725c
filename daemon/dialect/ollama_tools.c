/* SPDX-License-Identifier: ISC */
/*
 * Tools for Ollama, which has no tool_choice: the list is filtered, and where
 * a call is demanded a system message says so; the reply is checked by
 * conv_complete().
 */
#include "dialect/ollama.h"

#include <stdio.h>

#include "dialect/schema.h"

/* True if tool_choice leaves that tool in the list. */
static bool
ollama_tool_wanted(const struct chat_req *r, unsigned i)
{
	unsigned k;

	if (r->tools[i].name.p == NULL || r->tools[i].custom)
		return false;
	if (r->choice == CHAT_CHOICE_NONE)
		return false;
	if (r->choice != CHAT_CHOICE_NAMED &&
	    r->choice != CHAT_CHOICE_ALLOWED)
		return true;
	for (k = 0; k < r->nchoice_names; k++)
		if (span_is(r->tools[i].name, r->choice_names[k]))
			return true;
	return false;
}

/* True if the client demands a call. */
static bool
ollama_tool_must(const struct chat_req *r)
{
	return r->choice == CHAT_CHOICE_REQUIRED ||
	    r->choice == CHAT_CHOICE_NAMED ||
	    (r->choice == CHAT_CHOICE_ALLOWED && r->choice_must);
}

int
ollama_tools_count(const struct chat_req *r, bool drop, struct chat_error *e)
{
	char param[48];
	unsigned i;
	int n = 0;

	for (i = 0; i < r->ntools; i++) {
		if (r->tools[i].custom && !drop) {
			snprintf(param, sizeof(param), "tools[%u].type", i);
			chat_error_set(e, ERR_UNSUPPORTED_PARAM, param,
			    "'%s': Ollama knows only tools of type "
			    "'function'.", param);
			return -1;
		}
		n += ollama_tool_wanted(r, i);
	}
	if (n == 0 && ollama_tool_must(r)) {
		chat_error_set(e, ERR_INVALID_PARAM, r->legacy_functions ?
		    "function_call" : "tool_choice",
		    r->ntools == 0 ? "'tool_choice' is only allowed when "
		    "'tools' are specified." : "'tool_choice' names a "
		    "function that is not in 'tools'.");
		return -1;
	}
	return n;
}

int
ollama_tools(const struct chat_req *r, struct buf *b, struct chat_error *e)
{
	const struct chat_tool *t;
	size_t work = SCHEMA_WORK;
	bool first = true;
	char param[64];
	unsigned i;

	buf_lit(b, ",\"tools\":[");
	for (i = 0; i < r->ntools; i++) {
		if (!ollama_tool_wanted(r, i))
			continue;
		t = &r->tools[i];
		if (!first)
			buf_lit(b, ",");
		first = false;
		buf_lit(b, "{\"type\":\"function\",\"function\":{\"name\":\"");
		buf_adds(b, t->name);
		buf_lit(b, "\"");
		if (t->description.p != NULL) {
			buf_lit(b, ",\"description\":");
			buf_adds(b, t->description);
		}
		buf_lit(b, ",\"parameters\":");
		if (t->parameters.p == NULL) {
			buf_lit(b, "{\"type\":\"object\",\"properties\":{}}");
		} else if (!schema_simplify(t->parameters, &work, b)) {
			snprintf(param, sizeof(param), "%s[%u]%s.parameters",
			    r->legacy_functions ? "functions" : "tools", i,
			    r->legacy_functions ? "" : ".function");
			chat_error_set(e, ERR_INVALID_PARAM, param,
			    "'%s' is too large or too deep once its $ref are "
			    "inlined.", param);
			return -1;
		}
		buf_lit(b, "}}");
	}
	buf_lit(b, "]");
	return 0;
}

bool
ollama_tools_instruct(const struct chat_req *r, struct buf *b)
{
	if (!ollama_tool_must(r))
		return false;
	if (r->choice == CHAT_CHOICE_NAMED) {
		buf_lit(b, "You must call the function \\\"");
		buf_adds(b, r->choice_names[0]);
		buf_lit(b, "\\\" now. Do not answer with text.");
	} else {
		buf_lit(b, "You must call one of the available functions now."
		    " Do not answer with text.");
	}
	return true;
}
