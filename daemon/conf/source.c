/* SPDX-License-Identifier: ISC */
#include "conf/source.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/xmalloc.h"
#include "conf/yaml.h"

struct source_set *
source_set_new(void)
{
	struct source_set *s = xcalloc(1, sizeof(*s));

	s->refs = 1;
	return s;
}

struct source_set *
source_set_ref(struct source_set *s)
{
	s->refs++;
	return s;
}

void
source_set_unref(struct source_set *s)
{
	unsigned i;

	if (s == NULL || --s->refs > 0)
		return;
	for (i = 0; i < s->n; i++) {
		/* It may hold keys. */
		explicit_bzero(s->v[i]->data, s->v[i]->file.text.n);
		free(s->v[i]->data);
		free(s->v[i]->name);
		free(s->v[i]);
	}
	free(s->v);
	free(s);
}

static struct source *
source_append(struct source_set *s, const char *name, char *data, size_t n)
{
	struct source *f = xcalloc(1, sizeof(*f));

	f->name = xstrdup(name);
	f->data = data;
	f->file.path = f->name;
	f->file.order = s->n;
	f->file.text = (struct span){ data, n };
	s->v = xreallocarray(s->v, s->n + 1, sizeof(*s->v));
	s->v[s->n++] = f;
	return f;
}

const struct source *
source_add(struct source_set *s, const char *name, struct span text)
{
	return source_append(s, name, span_dup(text), text.n);
}

/* Everything up to one byte more than is allowed; NULL with errno. */
static char *
source_slurp(int fd, size_t *n)
{
	size_t cap = YAML_SIZE_MAX + 2;
	char *p = xmalloc(cap);
	ssize_t k;

	for (*n = 0; *n < cap - 1; *n += (size_t)k) {
		k = read(fd, p + *n, cap - 1 - *n);
		if (k == -1 && errno == EINTR)
			k = 0;
		else if (k == -1) {
			free(p);
			return NULL;
		} else if (k == 0)
			break;
	}
	p[*n] = '\0';
	return xrealloc(p, *n + 1);
}

/* Opens name if it is of an allowed kind; -1 with *cause. */
static int
source_open(const char *name, bool first, mode_t *mode, char **cause)
{
	struct stat st;
	int fd;

	if (first && strcmp(name, "-") == 0) {
		*mode = 0;
		return dup(STDIN_FILENO);
	}
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY |
	    (first ? 0 : O_NONBLOCK));
	if (fd == -1 || fstat(fd, &st) == -1) {
		*cause = xstrdup(strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	if (S_ISDIR(st.st_mode) || (!first && !S_ISREG(st.st_mode))) {
		*cause = xstrdup(S_ISDIR(st.st_mode) ? "it is a directory" :
		    "it is not a regular file");
		close(fd);
		return -1;
	}
	*mode = S_ISREG(st.st_mode) ? st.st_mode : 0;
	return fd;
}

const struct source *
source_get(struct source_set *s, const char *name, char **cause)
{
	struct source *f;
	mode_t mode = 0;
	char *data;
	size_t n;
	unsigned i;
	int fd;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->v[i]->name, name) == 0)
			return s->v[i];
	if (s->closed) {
		*cause = xstrdup(strerror(ENOENT));
		return NULL;
	}
	if ((fd = source_open(name, s->n == 0, &mode, cause)) == -1)
		return NULL;
	data = source_slurp(fd, &n);
	if (data == NULL)
		*cause = xstrdup(strerror(errno));
	close(fd);
	if (data == NULL)
		return NULL;
	f = source_append(s, name, data, n);
	f->mode = mode;
	return f;
}
