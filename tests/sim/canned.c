/* SPDX-License-Identifier: ISC */
#include "canned.h"

#include <ctype.h>
#include <string.h>

#define CANNED_NO_CALLS	{ { NULL, NULL, 0 }, { NULL, NULL, 0 } }

static const struct canned canneds[] = {
	{ "#text", NULL, "Hell|o! I| am |a sc|ript|ed m|odel|, an|d th|is i|"
	    "s th|e pl|ain |answ|er: |one,| two|, th|ree.| Don|e.",
	    CANNED_NO_CALLS, 22, false, false, 0 },
	{ "#tool", NULL, NULL,
	    { { "get_weather", "{\"city\": \"Paris\", \"unit\": \"celsius\"}",
	    25 }, { NULL, NULL, 0 } }, 26, false, false, 0 },
	{ "#tool2", NULL, NULL,
	    { { "get_weather", "{\"city\": \"Rome\"}", 20 },
	    { "get_time", "{\"zone\": \"UTC\"}", 38 } }, 39, false, false, 0 },
	{ "#talktool", NULL, "Let |me l|ook |that| up.",
	    { { "get_weather", "{\"city\": \"Oslo\"}", 27 },
	    { NULL, NULL, 0 } }, 28, false, false, 0 },
	{ "#after", NULL, "It i|s 21| deg|rees| in |Pari|s, s|ays |the |"
	    "tool.", CANNED_NO_CALLS, 11, false, false, 0 },
	{ "#think", "T|he u|ser |gree|ts m|e, s|o I |gre|et b|ack.",
	    "Good| day| fro|m th|e th|inki|ng s|crip|t.",
	    CANNED_NO_CALLS, 23, false, false, 0 },
	{ "#thinktool", "I n|eed |the| wea|ther| too|l.", NULL,
	    { { "get_weather", "{\"city\": \"Lima\"}", 30 },
	    { NULL, NULL, 0 } }, 31, false, false, 0 },
	{ "#json", NULL, "{\"an|swer|\": 4|2, \"|ok\":| tru|e}",
	    CANNED_NO_CALLS, 8, false, false, 0 },
	{ "#utf8", NULL, "\303\251|\346\274\242|\360\237\230\200",
	    CANNED_NO_CALLS, 10, true, false, 0 },
	{ "#endless", NULL, "tick| toc|k go|es t", CANNED_NO_CALLS, 0, false,
	    true, 0 },
	{ "#repeat", NULL, "again| and", CANNED_NO_CALLS, 0, false, false,
	    31 },
	{ "#spaces", NULL, "\n|\t ", CANNED_NO_CALLS, 0, false, false, 29 },
	{ "#empty", NULL, "\342\200\213", CANNED_NO_CALLS, 2, false, false,
	    0 },
	{ "#longline", NULL, "A li|ne w|ith |\"quo|tes\"|, a |back|\\sla|"
	    "sh, |a ta|b\tan|d <h|tml>| & '|apos|trop|hes'| for| esc|apin|"
	    "g.", CANNED_NO_CALLS, 22, false, false, 0 },
};

const struct canned *
canned_find(const char *word)
{
	size_t i;

	for (i = 0; i < sizeof(canneds) / sizeof(canneds[0]); i++)
		if (strcmp(canneds[i].word, word) == 0)
			return &canneds[i];
	return NULL;
}

/* The words with a capital at the start of each (or only the first). */
static void
canned_title(struct buf *b, const char *s, bool each)
{
	bool up = true;

	for (; *s != '\0'; s++) {
		buf_addc(b, up ? (char)toupper((unsigned char)*s) : *s);
		up = each && *s == ' ';
	}
}

static void
canned_task(struct buf *b, const char *title, bool each, const char *prio)
{
	buf_adds(b, "\n\n**Task Created:**\n- Title: ");
	canned_title(b, title, each);
	buf_addf(b, "\n- Priority: %s\n- Status: Pending\n\nWould you like "
	    "to add a due date or any additional details?", prio);
}

bool
canned_friendly(const char *prompt, bool always, struct buf *b)
{
	static const char task[] = "create a task for ";
	static const char high[] = "create a high-priority task for ";
	struct buf copy = { 0 };

	buf_adds(&copy, prompt);
	while (copy.len > 0 && strchr(". \n!", copy.data[copy.len - 1]))
		copy.data[--copy.len] = '\0';
	if (strncasecmp(copy.data, task, sizeof(task) - 1) == 0) {
		buf_addf(b, "I'll create a task for %s...",
		    copy.data + sizeof(task) - 1);
		canned_task(b, copy.data + sizeof(task) - 1, false, "Medium");
	} else if (strncasecmp(copy.data, high, sizeof(high) - 1) == 0) {
		buf_adds(b, "I'll create that high-priority task for you:");
		canned_task(b, copy.data + sizeof(high) - 1, true, "High");
	} else if (always) {
		buf_adds(b, "I'm a stand-in for a real model: llmsim answers "
		    "here because no Ollama was running. You said: \"");
		buf_add(b, copy.data, copy.len < 200 ? copy.len : 200);
		buf_adds(b, "\". Ask me to create a task, or start Ollama "
		    "to talk to your own model.");
	}
	buf_fini(&copy);
	return b->len > 0;
}
