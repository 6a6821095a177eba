# The front door.  "make help" lists what it opens.

BUILD ?= build
SAN ?= 0
CC = gcc
CXX = g++

JOBS := $(shell nproc)
SUBMAKE = $(MAKE) -s -j$(JOBS) --no-print-directory

VERSION := $(shell cat VERSION)

WARN = -Wall -Wextra -Werror -Wshadow -Wformat=2 -Wvla
CWARN = $(WARN) -Wstrict-prototypes -Wmissing-declarations
OPT_0 = -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
OPT_1 = -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined
# what tests need and no release has
DEFS_1 = -DMUTT_FAILPOINTS
LDOPT_0 = -Wl,-z,relro,-z,now
LDOPT_1 = -fsanitize=address,undefined
CPPFLAGS = -Ilib -D_GNU_SOURCE -DMUTT_VERSION=\"$(VERSION)\" $(DEFS_$(SAN))
CFLAGS = -std=c11 -g -fPIC $(OPT_$(SAN)) $(CWARN)
CXXFLAGS = -std=c++17 -g -fPIC $(OPT_$(SAN)) $(WARN)
LDLIBS = -lhiredis -lpq -ljansson -lsimdjson -lcurl -lssl -lcrypto \
	-lpcre2-8 -lhs -lmicrohttpd -lz -lstdc++ -lm -lpthread
CPPFLAGS += -I/usr/include/postgresql -I/usr/include/hs

LIB_C := $(wildcard lib/*/*.c)
LIB_CC := $(wildcard lib/*/*.cc)
LUA := $(wildcard lib/domain/lua/*.lua)
LIB_O := $(LIB_C:%.c=$(BUILD)/%.o) $(LIB_CC:%.cc=$(BUILD)/%.o) \
	$(BUILD)/gen/mutt_scripts.o
MODULE_O := $(filter-out $(BUILD)/lib/io/% $(BUILD)/lib/run/%,$(LIB_O))
MODULE_SRC := $(wildcard config ngx_mutt_module/*.[ch])
MODULE := $(if $(wildcard config),$(BUILD)/ngx_http_mutt_module.so)
# one file each, or a directory of them
WORKER_DIRS := $(patsubst workers/%/,%,$(wildcard workers/*/))
WORKERS := $(patsubst workers/%.c,$(BUILD)/mutt-%,$(wildcard workers/*.c)) \
	$(WORKER_DIRS:%=$(BUILD)/mutt-%)
TOOLS := $(patsubst tools/%.c,$(BUILD)/mutt-%,$(wildcard tools/*.c))
CLI_O := $(patsubst %.c,$(BUILD)/%.o,$(wildcard cli/*.c))
BENCHES := $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/*.c))
UNITS := $(patsubst t/unit/%.c,$(BUILD)/t/%,$(wildcard t/unit/*.c)) \
	$(patsubst t/tools/%.c,$(BUILD)/t/%,$(wildcard t/tools/*.c)) \
	$(BUILD)/t/fault_load

WEB_SRC := $(shell find web/src -type f)

SHIMS := $(patsubst t/fault/shims/%.c,$(BUILD)/t/fault/%.so, \
	$(wildcard t/fault/shims/*.c))

.PHONY: all module workers web units benches setup up down status clean-data test \
	faults lint format docs screenshots bench bench-full clean help

all: $(BUILD)/libmutt.a workers module web

module: $(MODULE)

workers: $(WORKERS) $(TOOLS) $(BUILD)/muttdev

web: build/web/index.html

units: $(UNITS) $(SHIMS)

benches: $(BENCHES)

help:
	@echo 'make setup       install what a stack needs, and build'
	@echo 'make up          build, start a private stack, print how to reach it'
	@echo 'make down        stop it; its data stays'
	@echo 'make status      what of it runs'
	@echo 'make clean-data  stop it and delete its data'
	@echo 'make test        every test, under AddressSanitizer and UBSan'
	@echo 'make faults      break everything in turn, print what became of it'
	@echo 'make lint        formatter, compilers, linters, house rules'
	@echo 'make bench       measure against the parts it stands on'
	@echo 'make bench-full  the same and what takes longer'
	@echo 'make docs        write the reference pages from the tables'
	@echo 'make screenshots pictures of every screen, in build/screenshots'
	@echo 'make             build into build/; BUILD=dir SAN=1 for sanitizers'
	@echo 'make clean       delete what was built'

setup:
	@tools/packages run
	@echo 'Building ...'
	@$(SUBMAKE) all

up: setup
	@tools/mutt-stack up

down status clean-data:
	@tools/mutt-stack $@

test:
	@tools/packages test
	@echo 'Building twice: as released, and with sanitizers ...'
	@$(SUBMAKE) BUILD=build all benches
	@$(SUBMAKE) BUILD=build-san SAN=1 all units
	MUTT_BUILD=build-san prove -j2 -r t

faults:
	@tools/packages test
	@$(SUBMAKE) BUILD=build-san SAN=1 all units
	MUTT_BUILD=build-san t/fault/run

lint:
	@tools/packages test
	@$(SUBMAKE) BUILD=build all units
	@tools/lint

docs: $(BUILD)/mutt-tables $(BUILD)/muttdev
	$(BUILD)/muttdev help --markdown > docs/muttdev.md
	for page in settings metrics errors; do \
		$(BUILD)/mutt-tables $$page > docs/$$page.md; \
	done

screenshots:
	@tools/packages test
	@$(SUBMAKE) BUILD=build all
	tools/screenshots build/screenshots

bench:
	@tools/packages bench
	@$(SUBMAKE) BUILD=build all benches
	MUTT_BUILD=build bench/run

bench-full:
	@tools/packages bench
	@$(SUBMAKE) BUILD=build all benches
	MUTT_BUILD=build bench/run all

format:
	clang-format -i lib/*/*.[ch] lib/*/*.cc workers/*.[ch] workers/*/*.[ch] \
		cli/*.[ch] t/*/*.[ch] bench/*.c

$(BUILD)/gen/mutt_scripts.c: tools/embed_lua lib/domain/mutt_scripts.def $(LUA)
	@mkdir -p $(@D)
	tools/embed_lua $@

$(BUILD)/gen/%.o: $(BUILD)/gen/%.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -c -o $@ $<

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -c -o $@ $<

$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -c -o $@ $<

$(BUILD)/libmutt.a: $(LIB_O)
	@rm -f $@
	$(AR) rcs $@ $^

# What the module may link: no io, no run.
$(BUILD)/libmutt-module.a: $(MODULE_O)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/ngx_http_mutt_module.so: tools/build_module VERSION $(MODULE_SRC) \
		$(BUILD)/libmutt-module.a $(wildcard lib/*/*.h lib/*/*.def)
	+tools/build_module $(BUILD) $(VERSION) '$(OPT_$(SAN)) $(DEFS_$(SAN))' \
		'$(LDOPT_$(SAN))'

$(BUILD)/mutt-%: $(BUILD)/workers/%.o $(BUILD)/libmutt.a
	$(CC) $(LDOPT_$(SAN)) -o $@ $^ $(LDLIBS)

define worker_of_files
$(BUILD)/mutt-$(1): $(patsubst %.c,$(BUILD)/%.o,$(wildcard workers/$(1)/*.c)) \
		$(BUILD)/libmutt.a
	$$(CC) $$(LDOPT_$$(SAN)) -o $$@ $$^ $$(LDLIBS)
endef

$(foreach worker,$(WORKER_DIRS),$(eval $(call worker_of_files,$(worker))))

$(BUILD)/mutt-%: $(BUILD)/tools/%.o $(BUILD)/libmutt.a
	$(CC) $(LDOPT_$(SAN)) -o $@ $^ $(LDLIBS)

$(BUILD)/muttdev: $(CLI_O) $(BUILD)/libmutt.a
	$(CC) $(LDOPT_$(SAN)) -o $@ $^ $(LDLIBS)

$(BUILD)/bench/%: $(BUILD)/bench/%.o $(BUILD)/libmutt.a
	$(CC) $(LDOPT_$(SAN)) -o $@ $^ $(LDLIBS)

$(BUILD)/t/%: $(BUILD)/t/tools/%.o $(BUILD)/libmutt.a
	@mkdir -p $(@D)
	$(CC) $(LDOPT_$(SAN)) -o $@ $^ $(LDLIBS)

$(BUILD)/t/fault_load: $(BUILD)/t/fault/load.o $(BUILD)/libmutt.a
	$(CC) $(LDOPT_$(SAN)) -o $@ $^ $(LDLIBS)

$(BUILD)/t/%: $(BUILD)/t/unit/%.o $(BUILD)/libmutt.a
	@mkdir -p $(@D)
	$(CC) $(LDOPT_$(SAN)) -o $@ $^ -lcmocka $(LDLIBS)

# They stand before libc in any program, so they have no sanitizer of their own.
$(BUILD)/t/fault/%.so: t/fault/shims/%.c t/fault/shims/shim.h
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE -g -O2 -fPIC $(CWARN) -shared -o $@ $<

# The dashboard, the same for every variant.
build/web/index.html: web/build.mjs web/tsconfig.json $(WEB_SRC) \
		web/node_modules/.package-lock.json
	@mkdir -p $(@D)
	node web/build.mjs build/web

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	npm --prefix web ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

clean:
	rm -rf build build-*

.PRECIOUS: $(BUILD)/%.o

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
