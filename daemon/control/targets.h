/* SPDX-License-Identifier: ISC */
/* Tiers for people: "qwen3:32b@gpu1 90% + @vllm 10%"; inside control/ only. */
#ifndef LLMD_CONTROL_TARGETS_H
#define LLMD_CONTROL_TARGETS_H

struct json_object;
struct route;
struct route_tier;

struct json_object *targets_of_tier(const struct route_tier *t);
/* A string per tier: what the route does, and what the file says. */
struct json_object *targets_of_route(const struct route *r);
struct json_object *targets_of_config(const struct route *r);

#endif
