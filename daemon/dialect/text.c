/* SPDX-License-Identifier: ISC */
/*
 * A front for people: requests as OpenAI writes them, the answer is its text
 * alone, unescaped.  Errors travel beside it (struct conv_facts).
 */
#include "dialect/conv_state.h"
#include "dialect/openai.h"

static void
text_begin(struct conv *c, struct buf *out)
{
	(void)c;
	(void)out;
}

static void
text_event(struct conv *c, const struct chat_event *ev, struct buf *out)
{
	(void)c;
	if (ev->choice != 0 || (ev->kind != CHAT_EV_TEXT &&
	    ev->kind != CHAT_EV_REFUSAL))
		return;
	out->n += jscan_unescape(ev->text, buf_need(out, ev->text.n));
	buf_pad(out);
}

static void
text_end(struct conv *c, struct buf *out)
{
	(void)c;
	(void)out;
}

static void
text_whole(struct conv *c, struct buf *out)
{
	unsigned i;

	for (i = 0; i < c->nevs; i++)
		text_event(c, &c->evs[i], out);
}

static void
text_error_body(const struct chat_error *e, struct buf *out)
{
	buf_addz(out, e->text[0] != '\0' ? e->text : error_rows[e->id].text);
	buf_lit(out, "\n");
}

static void
text_error_event(const struct chat_error *e, struct buf *out)
{
	(void)e;
	(void)out;
}

const struct dialect dialect_text = {
	.name = "text",
	.form = &dialect_openai,
	.scan = openai_scan,
	.decode = openai_decode,
	.begin = text_begin,
	.event = text_event,
	.end = text_end,
	.whole = text_whole,
	.error_body = text_error_body,
	.error_event = text_error_event,
	.keepalive = { "", 0 },
	.stream_type = "text/plain; charset=utf-8"
};
