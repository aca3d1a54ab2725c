# SPDX-License-Identifier: ISC
# llmd: one non-recursive Makefile.  `make run` and `make check` are all a new
# user needs; `make help` lists the rest.

VERSION	 = 0.1.0
PREFIX	?= /usr/local
DESTDIR	?=
BUILD	?= build
EDITLINE ?= readline
SECONDS	?= 60
PYTHON	?= python3
CFLAGS	?= -O2 -g
ifeq ($(origin CC),default)
CC	 = gcc
endif

ifneq ($(V),1)
Q	= @
SAY	= @printf '  %-5s %s\n'
else
SAY	= @:
endif

WARN	= -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	  -Wpointer-arith -Wwrite-strings -Wundef -Wformat=2 -Wvla \
	  $(if $(CI),-Werror)
FORTIFY	= $(if $(SANITIZE)$(findstring -O0,$(CFLAGS)),,-D_FORTIFY_SOURCE=2)
DEFS	= -D_GNU_SOURCE -I. -Idaemon -I$(BUILD)/gen
ALLC	= -std=gnu11 $(DEFS) $(WARN) -fPIE -fstack-protector-strong \
	  $(FORTIFY) -MMD -MP -pthread $(SANITIZE) $(CFLAGS) $(CPPFLAGS)
ALLLD	= -pie -Wl,-z,relro,-z,now -pthread $(SANITIZE) $(LDFLAGS)

LLMD_LIBS = -levent_core -levent_extra -levent_pthreads -ljson-c -lyaml \
	  -lssl -lcrypto -lm
CTL_LIBS  = -levent_core -ljson-c -l$(patsubst lib%,%,$(EDITLINE))
TUI_LIBS  = -levent_core -ljson-c -lncursesw -ltinfo -lm
SIM_LIBS  = -levent_core -ljson-c -lssl -lcrypto -lm
TEST_LIBS = -lcmocka -levent_core -levent_extra -levent_pthreads -ljson-c \
	  -lyaml -lssl -lcrypto -lm
FUZZ_LIBS = $(filter-out -lcmocka,$(TEST_LIBS))

DAEMON_SRC := $(wildcard daemon/*.c daemon/*/*.c)
PROTO_SRC  := $(wildcard proto/*.c)
CTL_SRC	   := $(wildcard ctl/*.c)
TUI_SRC	   := $(wildcard tui/*.c tui/*/*.c)
SIM_SRC	   := $(wildcard tests/sim/*.c)
UNIT_SRC   := $(wildcard tests/unit/test_*.c)
FUZZ_SRC   := $(wildcard tests/fuzz/fuzz_*.c)
PRELOAD_SRC := $(wildcard tests/e2e/preload/*.c)
SCHEMA	   := $(wildcard proto/schema/*.json)

objs	= $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
# A test names the product files that it links in lines "/* LINK: a.c b.c */".
links	= $(filter %.c,$(shell sed -n 's,^/\* LINK: \(.*\) \*/$$,\1,p' $(1)))
BINS	= $(addprefix $(BUILD)/,llmd llmctl llmtop llmsim)
UNITS	= $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRC))
REPLAYS	= $(patsubst tests/fuzz/%.c,$(BUILD)/replay/%,$(FUZZ_SRC))
PRELOADS = $(patsubst tests/e2e/preload/%.c,$(BUILD)/preload/%.so,$(PRELOAD_SRC))

.PHONY: all
all: $(BINS)

SCHEMA_OBJ = $(if $(SCHEMA),$(BUILD)/obj/gen/schema.o)
$(BUILD)/llmd: $(call objs,$(DAEMON_SRC) $(PROTO_SRC)) $(SCHEMA_OBJ)
$(BUILD)/llmd: LIBS = $(LLMD_LIBS)
$(BUILD)/llmctl: $(call objs,$(CTL_SRC) $(PROTO_SRC)) $(SCHEMA_OBJ)
$(BUILD)/llmctl: LIBS = $(CTL_LIBS)
$(BUILD)/llmtop: $(call objs,$(TUI_SRC) $(PROTO_SRC)) $(SCHEMA_OBJ)
$(BUILD)/llmtop: LIBS = $(TUI_LIBS)
$(BUILD)/llmsim: $(call objs,$(SIM_SRC))
$(BUILD)/llmsim: LIBS = $(SIM_LIBS)

$(BINS):
	$(SAY) LINK $@
	$(Q)$(CC) $(ALLLD) -o $@ $(filter %.o,$^) $(LIBS)

$(BUILD)/obj/%.o: %.c $(BUILD)/stamp/flags | $(BUILD)/stamp/deps
	$(SAY) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALLC) -c -o $@ $<

$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c $(BUILD)/stamp/flags
	$(SAY) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALLC) -c -o $@ $<

$(BUILD)/gen/schema.c: proto/schema/embed.sh $(SCHEMA)
	$(SAY) GEN $@
	$(Q)mkdir -p $(@D)
	$(Q)sh proto/schema/embed.sh $(SCHEMA) > $@.tmp && mv $@.tmp $@

$(call objs,$(DAEMON_SRC) $(PROTO_SRC) $(CTL_SRC) $(TUI_SRC)): \
    CPPFLAGS += -DLLMD_VERSION='"$(VERSION)"'
ifeq ($(EDITLINE),libedit)
$(BUILD)/obj/ctl/repl.o: CPPFLAGS += -DUSE_LIBEDIT
endif

# Unit tests and fuzz targets.
define unit
$(BUILD)/unit/$(notdir $(basename $(1))): $(call objs,$(1) $(call links,$(1)))
endef
$(foreach f,$(UNIT_SRC),$(eval $(call unit,$(f))))
$(UNITS):
	$(SAY) LINK $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALLLD) -o $@ $(filter %.o,$^) $(TEST_LIBS)

define replay
$(BUILD)/replay/$(notdir $(basename $(1))): $(call objs,tests/fuzz/replay.c $(1) $(call links,$(1)))
$(BUILD)/fuzz/$(notdir $(basename $(1))): $(call objs,$(1) $(call links,$(1)))
endef
$(foreach f,$(FUZZ_SRC),$(eval $(call replay,$(f))))
$(REPLAYS):
	$(SAY) LINK $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALLLD) -o $@ $(filter %.o,$^) $(FUZZ_LIBS)
$(BUILD)/fuzz/fuzz_%:
	$(SAY) LINK $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALLLD) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(FUZZ_LIBS)

$(BUILD)/preload/%.so: tests/e2e/preload/%.c | $(BUILD)/stamp/deps
	$(SAY) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) -O2 -shared -fPIC -o $@ $< -ldl

# Stamps: what is installed, and the flags (changing them rebuilds).
FLAGS	= $(CC) $(ALLC) $(ALLLD) $(EDITLINE) $(VERSION)
$(BUILD)/stamp/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || \
	    echo '$(subst ','\'',$(FLAGS))' > $@
$(BUILD)/stamp/deps: deploy/deps.sh
	@mkdir -p $(@D)
	@sh deploy/deps.sh build
	@touch $@
$(BUILD)/stamp/testdeps: deploy/deps.sh tests/setup.sh \
    tests/requirements.txt tests/node/package-lock.json
	@mkdir -p $(@D)
	@sh deploy/deps.sh build test
	@BUILD=$(BUILD) sh tests/setup.sh
	@touch $@
FORCE:

.PHONY: deps run check check-long check-bins asan tsan fuzz bench faults \
    lint install uninstall clean help
deps:
	@sh deploy/deps.sh build test

run: all
	@exec sh deploy/run.sh $(BUILD)

CHECK_BINS = $(BINS) $(UNITS) $(REPLAYS) $(PRELOADS)
check-bins: $(CHECK_BINS)

check: $(BUILD)/stamp/testdeps
	@$(MAKE) --no-print-directory -j2 $(CHECK_BINS)
	@BUILD=$(BUILD) $(BUILD)/venv/bin/python tests/run.py

check-long: $(BUILD)/stamp/testdeps
	@$(MAKE) --no-print-directory -j2 $(CHECK_BINS)
	@BUILD=$(BUILD) $(BUILD)/venv/bin/python tests/run.py --long

ASAN	= -fsanitize=address,undefined -fno-sanitize-recover=all
asan tsan: $(BUILD)/stamp/testdeps
asan:
	@$(MAKE) --no-print-directory -j2 BUILD=$(BUILD)/asan \
	    SANITIZE='$(ASAN)' CFLAGS='-O1 -g' check-bins
	@BUILD=$(BUILD)/asan $(BUILD)/venv/bin/python tests/run.py --sanitizer
tsan:
	@$(MAKE) --no-print-directory -j2 BUILD=$(BUILD)/tsan \
	    SANITIZE='-fsanitize=thread' CFLAGS='-O1 -g' check-bins
	@BUILD=$(BUILD)/tsan $(BUILD)/venv/bin/python tests/run.py --sanitizer

FUZZ	= -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
fuzz:
	@sh deploy/deps.sh build fuzz
	@$(MAKE) --no-print-directory -j2 BUILD=$(BUILD)/clang CC=clang \
	    SANITIZE='$(FUZZ)' CFLAGS='-O1 -g' \
	    $(patsubst tests/fuzz/%.c,$(BUILD)/clang/fuzz/%,$(FUZZ_SRC))
	@sh tests/fuzz/run.sh $(BUILD)/clang/fuzz $(SECONDS)

bench: all $(BUILD)/stamp/testdeps
	@BUILD=$(BUILD) $(BUILD)/venv/bin/python tests/bench/bench.py $(ARGS)

faults: $(BUILD)/stamp/testdeps
	@$(MAKE) --no-print-directory -j2 $(CHECK_BINS)
	@BUILD=$(BUILD) $(BUILD)/venv/bin/python tests/run.py --faults

lint: $(BUILD)/stamp/testdeps
	@BUILD=$(BUILD) $(BUILD)/venv/bin/python tests/run.py --only style

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin
	install -m 755 $(BUILD)/llmd $(DESTDIR)$(PREFIX)/sbin/llmd
	install -m 755 $(BUILD)/llmctl $(BUILD)/llmtop $(DESTDIR)$(PREFIX)/bin
	for s in 1 5 7 8; do \
	    for m in man/*.$$s; do [ -e $$m ] || continue; \
		install -d $(DESTDIR)$(PREFIX)/share/man/man$$s; \
		install -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$$s; \
	    done; done

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/sbin/llmd
	rm -f $(DESTDIR)$(PREFIX)/bin/llmctl $(DESTDIR)$(PREFIX)/bin/llmtop
	for m in man/*.[1-8]; do \
	    rm -f $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m#man/}; done

clean:
	rm -rf $(BUILD)

help:
	@echo 'make run         install what is missing, build, start llmd on :4000'
	@echo 'make check       build everything and run every test (CI runs this)'
	@echo 'make             build llmd llmctl llmtop llmsim into $(BUILD)/'
	@echo 'make install     PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)'
	@echo 'make deps        only install the Debian or Ubuntu packages'
	@echo 'make check-long  + every split, sanitizers, fuzzing by time'
	@echo 'make asan, tsan  the suite under the sanitizers'
	@echo 'make fuzz        SECONDS=$(SECONDS) for each target'
	@echo 'make bench       ratios to nginx in the same run'
	@echo 'make faults      the fault table with the result of each test'
	@echo 'make lint        style, include direction, manuals'

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
