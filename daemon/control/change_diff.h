/* SPDX-License-Identifier: ISC */
/* What a change changes, as JSON for people; for control/ only. */
#ifndef LLMD_CONTROL_CHANGE_DIFF_H
#define LLMD_CONTROL_CHANGE_DIFF_H

struct conf;
struct conf_remarks;
struct json_object;

/* {op, what, name, text, where} each. */
struct json_object *change_diff_rows(const struct conf *a,
		    const struct conf *b);
/* Settings that differ and that only a restart brings into force. */
struct json_object *change_diff_restart(const struct conf *a,
		    const struct conf *b);
/* "config.yaml:12:3: text" for each warning. */
struct json_object *change_diff_warnings(const struct conf_remarks *r);
/* Only those whose text contains word. */
struct json_object *change_diff_warnings_of(const struct conf_remarks *r,
		    const char *word);

#endif
