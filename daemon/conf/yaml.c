/* SPDX-License-Identifier: ISC */
/*
 * libyaml's events, composed into nodes.  The event interface is used because
 * the loader of libyaml has no bound on depth or aliases and forgets where
 * keys stand.
 */
#include "conf/yaml.h"

#include <stdlib.h>

#include <yaml.h>

#include "base/map.h"
#include "base/xmalloc.h"

/* Mappings with more keys than this find duplicates by hash. */
#define YAML_PAIRS_LINEAR	16

struct yaml_ctx {
	yaml_parser_t		 parser;
	const struct remark_file *file;
	struct arena		*arena;
	struct conf_remarks	*remarks;
	struct map		*anchors;
	unsigned		 total;		/* nodes, aliases written out */
};

static struct yaml_node *yaml_compose(struct yaml_ctx *, yaml_event_t *,
    unsigned);

static struct remark_mark
yaml_mark(const struct yaml_ctx *x, const yaml_mark_t *from,
    const yaml_mark_t *to)
{
	struct remark_mark m;

	m.file = x->file;
	m.line = (unsigned)from->line + 1;
	m.column = (unsigned)from->column + 1;
	m.width = to != NULL && to->line == from->line &&
	    to->column > from->column ?
	    (unsigned)(to->column - from->column) : 1;
	return m;
}

static void
yaml_error(struct yaml_ctx *x, const yaml_event_t *ev, const char *hint,
    const char *text)
{
	struct remark_mark m = yaml_mark(x, &ev->start_mark, &ev->end_mark);

	remark_add(x->remarks, CONF_ERROR, &m, NULL, hint, "%s", text);
}

/* The byte at line and column of the text, or NUL. */
static char
yaml_byte_at(struct span text, size_t line, size_t column)
{
	size_t i = 0;

	for (; line > 0 && i < text.n; i++)
		if (text.p[i] == '\n')
			line--;
	for (; column > 0 && i < text.n; i++)
		if (((unsigned char)text.p[i] & 0xc0) != 0x80)
			column--;
	return i < text.n ? text.p[i] : '\0';
}

/* What libyaml found, in words that name the next step where we know it. */
static void
yaml_syntax_error(struct yaml_ctx *x)
{
	const yaml_parser_t *p = &x->parser;
	struct remark_mark m = { x->file, 0, 0, 1 };
	const char *problem = p->problem != NULL ? p->problem : "bad YAML";
	const char *hint = NULL;
	size_t i, end;
	char c;

	if (p->error == YAML_READER_ERROR) {
		end = p->problem_offset < x->file->text.n ?
		    p->problem_offset : x->file->text.n;
		for (m.line = 1, m.column = 1, i = 0; i < end; i++) {
			m.column++;
			if (x->file->text.p[i] == '\n') {
				m.line++;
				m.column = 1;
			}
		}
		remark_add(x->remarks, CONF_ERROR, &m, NULL,
		    "save the file as UTF-8", "not readable: %s", problem);
		return;
	}
	m = yaml_mark(x, &p->problem_mark, NULL);
	c = yaml_byte_at(x->file->text, p->problem_mark.line,
	    p->problem_mark.column);
	if (c == '\t') {
		problem = "a tab cannot indent YAML";
		hint = "use spaces";
	} else if (strstr(problem, "unexpected end of stream") != NULL &&
	    p->context != NULL) {
		m = yaml_mark(x, &p->context_mark, NULL);
		problem = "the quote that begins here is never closed";
	} else if (strstr(problem, "alphabetic or numeric") != NULL)
		hint = "a value that begins with * or & must be quoted: \"*\"";
	else if (strstr(problem, "mapping values") != NULL)
		hint = "quote a value that contains ': ', or mend the "
		    "indentation";
	else if (strstr(problem, "cannot start any token") != NULL)
		hint = "quote the value";
	else if (p->context != NULL && p->context_mark.line !=
	    p->problem_mark.line) {
		remark_add(x->remarks, CONF_ERROR, &m, NULL, NULL,
		    "%s %s that began in line %zu", problem, p->context,
		    p->context_mark.line + 1);
		return;
	}
	remark_add(x->remarks, CONF_ERROR, &m, NULL, hint, "%s", problem);
}

/* The next event; false after an error, which has been remarked. */
static bool
yaml_next(struct yaml_ctx *x, yaml_event_t *ev)
{
	if (yaml_parser_parse(&x->parser, ev))
		return true;
	yaml_syntax_error(x);
	return false;
}

static struct yaml_node *
yaml_node_new(struct yaml_ctx *x, enum yaml_kind kind, const yaml_event_t *ev)
{
	struct yaml_node *n;

	n = arena_zalloc(x->arena, sizeof(*n));
	n->kind = kind;
	n->at = yaml_mark(x, &ev->start_mark, &ev->end_mark);
	n->weight = 1;
	n->height = 1;
	return n;
}

/* Counts weight more nodes; false with an error if they are too many. */
static bool
yaml_count(struct yaml_ctx *x, const yaml_event_t *ev, unsigned weight)
{
	x->total += weight;
	if (x->total <= YAML_NODES_MAX)
		return true;
	yaml_error(x, ev, "write the values out instead of using aliases",
	    "too many values, aliases counted as if written out");
	return false;
}

static void
yaml_anchor(struct yaml_ctx *x, const yaml_char_t *anchor,
    struct yaml_node *n)
{
	if (anchor != NULL)
		map_put(x->anchors, span_z((const char *)anchor), n);
}

static struct yaml_node *
yaml_alias(struct yaml_ctx *x, const yaml_event_t *ev, unsigned depth)
{
	const char *name = (const char *)ev->data.alias.anchor;
	struct yaml_node *n;

	n = map_get(x->anchors, span_z(name));
	if (n == NULL) {
		yaml_error(x, ev, "define it before with &, or quote the "
		    "value if no alias is meant",
		    "an alias to an anchor that is not defined before it");
		return NULL;
	}
	if (depth + n->height > YAML_DEPTH_MAX) {
		yaml_error(x, ev, NULL, "nested too deeply through aliases");
		return NULL;
	}
	return yaml_count(x, ev, n->weight) ? n : NULL;
}

/* Warns of tags that are not YAML's own: they do nothing here. */
static void
yaml_check_tag(struct yaml_ctx *x, const yaml_event_t *ev,
    const yaml_char_t *tag)
{
	static const char own[] = "tag:yaml.org,2002:";
	const char *t = (const char *)tag;
	struct remark_mark m;

	if (t == NULL || strcmp(t, "!") == 0 ||
	    (strncmp(t, own, sizeof(own) - 1) == 0 &&
	    strncmp(t + sizeof(own) - 1, "python", 6) != 0))
		return;
	m = yaml_mark(x, &ev->start_mark, &ev->end_mark);
	remark_add(x->remarks, CONF_WARNING, &m, NULL, "remove it",
	    "the tag %s is ignored", t);
}

static struct yaml_node *
yaml_scalar(struct yaml_ctx *x, const yaml_event_t *ev)
{
	const char *tag = (const char *)ev->data.scalar.tag;
	const char *v = (const char *)ev->data.scalar.value;
	struct yaml_node *n;

	yaml_check_tag(x, ev, ev->data.scalar.tag);
	if (memchr(v, '\0', ev->data.scalar.length) != NULL) {
		yaml_error(x, ev, NULL, "a value contains a NUL character");
		return NULL;
	}
	n = yaml_node_new(x, YAML_TEXT, ev);
	n->text = arena_strn(x->arena, v, ev->data.scalar.length);
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    (tag == NULL || (strcmp(tag, "!") != 0 &&
	    strcmp(tag, YAML_STR_TAG) != 0));
	if (!yaml_count(x, ev, 1))
		return NULL;
	yaml_anchor(x, ev->data.scalar.anchor, n);
	return n;
}

/* Adds what node holds to the measures of n. */
static void
yaml_measure(struct yaml_node *n, const struct yaml_node *child)
{
	n->weight += child->weight;
	if (child->height >= n->height)
		n->height = (uint8_t)(child->height + 1);
}

static struct yaml_node *
yaml_list(struct yaml_ctx *x, const yaml_event_t *start, unsigned depth)
{
	struct yaml_node *n, *item, **v = NULL;
	yaml_event_t ev;
	unsigned cap = 0;
	bool ok = true;

	yaml_check_tag(x, start, start->data.sequence_start.tag);
	n = yaml_node_new(x, YAML_LIST, start);
	if (!yaml_count(x, start, 1))
		return NULL;
	while (ok && yaml_next(x, &ev)) {
		if (ev.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&ev);
			n->items = v;
			yaml_anchor(x, start->data.sequence_start.anchor, n);
			return n;
		}
		item = yaml_compose(x, &ev, depth + 1);
		yaml_event_delete(&ev);
		if ((ok = item != NULL)) {
			if (n->n == cap) {
				cap = cap == 0 ? 8 : cap * 2;
				n->items = arena_alloc(x->arena,
				    cap * sizeof(*v));
				if (n->n != 0)
					memcpy(n->items, v,
					    n->n * sizeof(*v));
				v = n->items;
			}
			v[n->n++] = item;
			yaml_measure(n, item);
		}
	}
	return NULL;
}

/* A mapping while it is composed. */
struct yaml_build {
	struct yaml_node *n;
	unsigned	  cap;
	struct map	 *index;	/* key -> position + 1, if big */
};

static struct yaml_pair *
yaml_build_find(struct yaml_build *b, const char *key)
{
	uintptr_t at;

	if (b->index == NULL)
		return yaml_get_pair(b->n, key);
	at = (uintptr_t)map_get(b->index, span_z(key));
	return at != 0 ? &b->n->pairs[at - 1] : NULL;
}

static void
yaml_build_add(struct yaml_ctx *x, struct yaml_build *b,
    const struct yaml_pair *p)
{
	struct yaml_node *n = b->n;
	struct yaml_pair *v;
	unsigned i;

	if (n->n == b->cap) {
		b->cap = b->cap == 0 ? 8 : b->cap * 2;
		v = arena_alloc(x->arena, b->cap * sizeof(*v));
		if (n->n != 0)
			memcpy(v, n->pairs, n->n * sizeof(*v));
		n->pairs = v;
	}
	n->pairs[n->n++] = *p;
	if (b->index == NULL && n->n > YAML_PAIRS_LINEAR) {
		b->index = map_new();
		for (i = 0; i < n->n - 1; i++)
			map_put(b->index, span_z(n->pairs[i].key),
			    (void *)(uintptr_t)(i + 1));
	}
	if (b->index != NULL)
		map_put(b->index, span_z(p->key), (void *)(uintptr_t)n->n);
}

/* One member as it was written: a duplicate replaces and is remarked. */
static void
yaml_build_put(struct yaml_ctx *x, struct yaml_build *b,
    const struct yaml_pair *p)
{
	struct yaml_pair *old;

	if ((old = yaml_build_find(b, p->key)) == NULL) {
		yaml_build_add(x, b, p);
		return;
	}
	remark_add(x->remarks, CONF_WARNING, &p->at, p->key,
	    "remove one of them", "duplicate key '%s': this value replaces "
	    "the one in line %u", p->key, old->at.line);
	*old = *p;
}

/* "<<": members of another mapping that are not there already. */
static bool
yaml_build_merge(struct yaml_ctx *x, struct yaml_build *b,
    const struct yaml_node *from, const yaml_event_t *ev)
{
	unsigned i;

	if (from->kind == YAML_LIST) {
		for (i = 0; i < from->n; i++)
			if (from->items[i]->kind != YAML_MAP ||
			    !yaml_build_merge(x, b, from->items[i], ev))
				return false;
		return true;
	}
	if (from->kind != YAML_MAP)
		return false;
	for (i = 0; i < from->n; i++)
		if (yaml_build_find(b, from->pairs[i].key) == NULL) {
			if (!yaml_count(x, ev, from->pairs[i].value->weight))
				return false;
			yaml_build_add(x, b, &from->pairs[i]);
			yaml_measure(b->n, from->pairs[i].value);
		}
	return true;
}

/* Key and value of one member; 1, 0 at the end, -1 after an error. */
static int
yaml_member(struct yaml_ctx *x, struct yaml_pair *p, bool *plain,
    unsigned depth)
{
	yaml_event_t ev;
	struct yaml_node *key;

	if (!yaml_next(x, &ev))
		return -1;
	if (ev.type == YAML_MAPPING_END_EVENT) {
		yaml_event_delete(&ev);
		return 0;
	}
	if (ev.type == YAML_SCALAR_EVENT)
		key = yaml_scalar(x, &ev);
	else if (ev.type == YAML_ALIAS_EVENT)
		key = yaml_alias(x, &ev, depth);
	else
		key = NULL;
	if (key == NULL || key->kind != YAML_TEXT) {
		if (ev.type != YAML_SCALAR_EVENT)
			yaml_error(x, &ev, "quote the value if {..} or [..] "
			    "is meant as text", "a key must be a word");
		yaml_event_delete(&ev);
		return -1;
	}
	p->key = key->text;
	p->at = yaml_mark(x, &ev.start_mark, &ev.end_mark);
	*plain = key->plain;
	yaml_event_delete(&ev);
	if (!yaml_next(x, &ev))
		return -1;
	p->value = yaml_compose(x, &ev, depth + 1);
	yaml_event_delete(&ev);
	return p->value != NULL ? 1 : -1;
}

static struct yaml_node *
yaml_map(struct yaml_ctx *x, const yaml_event_t *start, unsigned depth)
{
	struct yaml_build b = { 0 };
	struct yaml_pair p;
	struct yaml_node **merges = NULL;
	unsigned nmerges = 0, i;
	bool plain;
	int rc;

	yaml_check_tag(x, start, start->data.mapping_start.tag);
	b.n = yaml_node_new(x, YAML_MAP, start);
	rc = yaml_count(x, start, 1) ? 1 : -1;
	while (rc == 1 && (rc = yaml_member(x, &p, &plain, depth)) == 1) {
		if (plain && strcmp(p.key, "<<") == 0) {
			merges = xreallocarray(merges, nmerges + 1,
			    sizeof(*merges));
			merges[nmerges++] = p.value;
			continue;
		}
		yaml_build_put(x, &b, &p);
		yaml_measure(b.n, p.value);
	}
	for (i = 0; rc == 0 && i < nmerges; i++)
		if (!yaml_build_merge(x, &b, merges[i], start)) {
			yaml_error(x, start, "write << : *anchor of a mapping",
			    "'<<' must name a mapping or a list of them");
			rc = -1;
		}
	free(merges);
	if (b.index != NULL)
		map_free(b.index);
	if (rc != 0)
		return NULL;
	yaml_anchor(x, start->data.mapping_start.anchor, b.n);
	return b.n;
}

/* The node that begins with ev, at depth levels below the root. */
static struct yaml_node *
yaml_compose(struct yaml_ctx *x, yaml_event_t *ev, unsigned depth)
{
	if (depth > YAML_DEPTH_MAX) {
		yaml_error(x, ev, NULL, "nested too deeply (32 levels)");
		return NULL;
	}
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return yaml_scalar(x, ev);
	case YAML_ALIAS_EVENT:
		return yaml_alias(x, ev, depth);
	case YAML_SEQUENCE_START_EVENT:
		return yaml_list(x, ev, depth);
	case YAML_MAPPING_START_EVENT:
		return yaml_map(x, ev, depth);
	default:
		yaml_error(x, ev, NULL, "unexpected end of a value");
		return NULL;
	}
}

/* Start of stream up to the end of the first document. */
static int
yaml_document(struct yaml_ctx *x, struct yaml_node **root)
{
	yaml_event_t ev;
	struct remark_mark m;
	yaml_event_type_t type;

	do {
		if (!yaml_next(x, &ev))
			return -1;
		type = ev.type;
		yaml_event_delete(&ev);
		if (type == YAML_STREAM_END_EVENT)
			return 0;
	} while (type != YAML_DOCUMENT_START_EVENT);
	if (!yaml_next(x, &ev))
		return -1;
	*root = yaml_compose(x, &ev, 1);
	yaml_event_delete(&ev);
	if (*root == NULL)
		return -1;
	do {
		if (!yaml_next(x, &ev))
			return -1;
		if ((type = ev.type) == YAML_DOCUMENT_START_EVENT) {
			m = yaml_mark(x, &ev.start_mark, &ev.end_mark);
			remark_add(x->remarks, CONF_WARNING, &m, NULL,
			    "use include: to spread a configuration",
			    "only the first document of the file is used");
		}
		yaml_event_delete(&ev);
	} while (type == YAML_DOCUMENT_END_EVENT);
	return 0;
}

int
yaml_parse(const struct remark_file *f, struct arena *a,
    struct conf_remarks *r, struct yaml_node **root)
{
	struct yaml_ctx x = { .file = f, .arena = a, .remarks = r };
	struct remark_mark m = { f, 0, 0, 1 };
	int rc;

	*root = NULL;
	if (f->text.n > YAML_SIZE_MAX) {
		remark_add(r, CONF_ERROR, &m, NULL,
		    "spread it over several files with include:",
		    "larger than 1 MiB");
		return -1;
	}
	if (f->text.n >= 2 && (memcmp(f->text.p, "\xff\xfe", 2) == 0 ||
	    memcmp(f->text.p, "\xfe\xff", 2) == 0)) {
		remark_add(r, CONF_ERROR, &m, NULL, "save the file as UTF-8",
		    "written in UTF-16");
		return -1;
	}
	if (!yaml_parser_initialize(&x.parser)) {
		remark_add(r, CONF_ERROR, &m, NULL, NULL, "out of memory");
		return -1;
	}
	yaml_parser_set_encoding(&x.parser, YAML_UTF8_ENCODING);
	if (f->text.n >= 3 && memcmp(f->text.p, "\xef\xbb\xbf", 3) == 0)
		yaml_parser_set_input_string(&x.parser,
		    (const unsigned char *)f->text.p + 3, f->text.n - 3);
	else
		yaml_parser_set_input_string(&x.parser,
		    (const unsigned char *)f->text.p, f->text.n);
	x.anchors = map_new();
	rc = yaml_document(&x, root);
	map_free(x.anchors);
	yaml_parser_delete(&x.parser);
	if (rc != 0)
		*root = NULL;
	return rc;
}
